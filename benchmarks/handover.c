/* Costs that threads cause each other: a barrier, and reading what other threads have written. For cost_model.py. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

typedef struct {
    int n_threads, n_rounds, n_bytes;   /* n_bytes of h per round, each thread writes its share and reads all; 0 for barriers alone */
    atomic_int arrived;
    char pad_1[64];
    atomic_int round;
    char pad_2[64];
    char *h;                            /* two of them, taken in turns */
} team;

typedef struct { team *t; int k; long sum; } member;

static void barrier(team *t)
{
    int round = atomic_load_explicit(&t->round, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&t->arrived, 1, memory_order_acq_rel) == t->n_threads - 1) {
        atomic_store_explicit(&t->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&t->round, round + 1, memory_order_release);
    } else {
        while (atomic_load_explicit(&t->round, memory_order_acquire) == round)
            ;
    }
}

static void *run(void *argument)
{
    member *m = argument;
    team *t = m->t;
    int share = t->n_bytes / t->n_threads / 64 * 64;
    for (int r = 0; r < t->n_rounds; r++) {
        char *h = t->h + (r & 1) * (size_t) t->n_bytes;
        for (int i = m->k * share; i < (m->k + 1) * share; i += 8)
            *(volatile long *) (h + i) = r + i;
        barrier(t);
        for (int i = 0; i < t->n_threads * share; i += 8)
            m->sum += *(volatile long *) (h + i);
    }
    return NULL;
}

/* Seconds per round of n_threads threads; negative where they cannot be started. */
double seconds_per_round(int n_threads, int n_rounds, int n_bytes)
{
    team t = {n_threads, n_rounds, n_bytes};
    member members[64];
    pthread_t threads[64];
    struct timespec begun, ended;
    int n = 0;
    t.h = calloc(2, n_bytes + 64);
    if (!t.h || n_threads > 64)
        return -1;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    for (int k = 0; k < n_threads; k++)
        members[k] = (member) {&t, k, 0};
    for (n = 1; n < n_threads; n++)
        if (pthread_create(&threads[n], NULL, run, &members[n]))
            return -1;
    run(&members[0]);
    for (int k = 1; k < n_threads; k++)
        pthread_join(threads[k], NULL);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    free(t.h);
    return (ended.tv_sec - begun.tv_sec + 1e-9 * (ended.tv_nsec - begun.tv_nsec)) / n_rounds;
}
