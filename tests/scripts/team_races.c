/* Jobs of a team under ThreadSanitizer; team_races.py builds and runs it.

   Members add up what all wrote before the last barrier, and the master pauses, so that they sleep. In jobs without barriers they take
   items, and helpers that have not begun are called back. At times the team ends, and its helpers come to another. With the argument
   "planted" one barrier is left out. */
#include <Python.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <unistd.h>

#include "team.h"

/* The locks of Python, as it makes them of semaphores. */
PyThread_type_lock PyThread_allocate_lock(void)
{
    sem_t *lock = malloc(sizeof(sem_t));
    sem_init(lock, 0, 1);
    return lock;
}
void PyThread_free_lock(PyThread_type_lock lock) { sem_destroy(lock); free(lock); }
int PyThread_acquire_lock(PyThread_type_lock lock, int wait)
{
    (void)wait;
    while (sem_wait(lock))
        ;
    return 1;
}
void PyThread_release_lock(PyThread_type_lock lock) { sem_post(lock); }
enum { N_HELPERS = 3, N_STEPS = 20, N_JOBS = 3000, N_ITEMS = 16, PER_TEAM = 100 };

static int planted = 0;
static long wrong = 0, shared = 0;
static int64_t values[2][N_HELPERS + 1];

static void job(void *argument, team_member *me)
{
    int64_t expected = *(int64_t *)argument;
    values[0][me->number] = expected;
    team_meet(me);
    for (int step = 0; step < N_STEPS; step++) {
        int64_t sum = 0;
        for (int k = 0; k < me->size; k++)
            sum += values[step % 2][k];
        if (sum != expected * me->size)
            __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
        expected = sum / me->size + 1;
        values[1 - step % 2][me->number] = expected;
        if (!(planted && step == N_STEPS / 2))
            team_meet(me);
    }
}

typedef struct { int next, n_done; int64_t items[N_ITEMS]; } list;

static void take_items(void *argument, team_member *me)
{
    list *l = argument;
    (void)me;
    for (int k; (k = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED)) < N_ITEMS;) {
        l->items[k]++;
        __atomic_fetch_add(&l->n_done, 1, __ATOMIC_RELAXED);
    }
}

static void *help(void *t)
{
    team_serve(t);
    return NULL;
}

/* Jobs of a team of its own, begun by number `first`. */
static void run_jobs(int64_t first)
{
    pthread_t helpers[N_HELPERS];
    team *t = team_new(N_HELPERS);
    t->most = N_HELPERS + 1;
    for (int k = 0; k < N_HELPERS; k++)
        pthread_create(&helpers[k], NULL, help, t);
    for (int64_t k = first; k < first + PER_TEAM; k++) {
        list l = {0};
        if (k % 50 == 0)
            usleep(300);
        if (k % 31 == 0)
            team_rouse(t, N_HELPERS);
        team_run(t, 1 + (int)(k % (N_HELPERS + 1)) + 1, 1, job, &k);
        if (k % 20 == 0)
            usleep(100);
        team_run(t, N_HELPERS + 1, 0, take_items, &l);
        for (int item = 0; item < N_ITEMS; item++)
            wrong += l.items[item] != 1;
    }
    shared += t->n_shared;
    team_dismiss(t);
    for (int k = 0; k < N_HELPERS; k++)
        pthread_join(helpers[k], NULL);
    team_free(t);
}

int main(int n_arguments, char **arguments)
{
    planted = n_arguments > 1 && strcmp(arguments[1], "planted") == 0;
    for (int64_t first = 0; first < N_JOBS; first += PER_TEAM)
        run_jobs(first);
    printf("%d jobs, %ld shared by steps, %ld wrong sums\n", 2 * N_JOBS, shared, wrong);
    return wrong != 0 || shared == 0;
}
