/* Jobs of a team under ThreadSanitizer; team_races.py builds and runs it.

   Members add up what all wrote before the last barrier, helpers come and go meanwhile, and the master pauses, so that they sleep. With
   the argument "planted" one barrier is left out. */
#include <Python.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <time.h>
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
PyLockStatus PyThread_acquire_lock_timed(PyThread_type_lock lock, PY_TIMEOUT_T microseconds, int interrupts)
{
    struct timespec end;
    (void)interrupts;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_nsec += microseconds * 1000;
    end.tv_sec += end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    int status;
    while ((status = sem_timedwait(lock, &end)) && errno == EINTR)
        ;
    return status ? PY_LOCK_FAILURE : PY_LOCK_ACQUIRED;
}

enum { N_HELPERS = 3, N_STEPS = 20, N_JOBS = 3000 };

static int planted = 0, running = 1;
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

static void *help(void *t)
{
    while (__atomic_load_n(&running, __ATOMIC_RELAXED))
        team_serve(t, 200);
    return NULL;
}

int main(int n_arguments, char **arguments)
{
    pthread_t helpers[N_HELPERS];
    team *t = team_new(N_HELPERS);
    planted = n_arguments > 1 && strcmp(arguments[1], "planted") == 0;
    t->most = N_HELPERS + 1;
    for (int k = 0; k < N_HELPERS; k++)
        pthread_create(&helpers[k], NULL, help, t);
    for (int64_t k = 0; k < N_JOBS; k++) {
        team_open(t, k % 97 != 0);
        if (k % 31 == 0)
            team_await(t, N_HELPERS, 1000);
        if (k % 50 == 0)
            usleep(300);
        team_run(t, 1 + (int)(k % (N_HELPERS + 1)) + 1, job, &k);
    }
    shared = t->n_shared;
    __atomic_store_n(&running, 0, __ATOMIC_RELAXED);
    team_open(t, 0);
    for (int k = 0; k < N_HELPERS; k++)
        pthread_join(helpers[k], NULL);
    team_free(t);
    printf("%d jobs, %ld shared, %ld wrong sums\n", N_JOBS, shared, wrong);
    return wrong != 0 || shared == 0;
}
