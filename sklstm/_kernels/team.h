/* Threads that work on one call together: atomics, a pause, waiting that spins for a short time and then sleeps.

   A team is the thread that calls a kernel, the master, and helpers, which stand ready in `team_serve`. For each call (a job) the
   master claims those helpers that are ready, gives each a number and has all run the same function; `team_meet` is a barrier among
   them. Helpers that have not come yet are not waited for: whatever runs a job must not depend on how many there are.

   Words that threads wait for have one reader each and only grow while it waits. Its lowest bit says that the reader sleeps: who
   changes the word then also releases the reader's lock, once. So none is missed, and none has to look at a lock that nobody needs.

   Every wait spins for at most SPIN_NANOSECONDS: a thread that is waited for may not be running. */
#ifndef SKLSTM_TEAM_H
#define SKLSTM_TEAM_H

#include <Python.h>
#include <pythread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Atomics as a language extension of GCC and Clang; and jobs have the same bits for any number of members only with tiles. */
#if defined(__GNUC__) && !defined(SKLSTM_NO_VECTORS)
#define HAS_TEAMS 1
#else
#define HAS_TEAMS 0
#endif

typedef struct team team;

/* One thread in a job. */
typedef struct {
    team *of;
    int number, size;       /* 0 is the master; 1 where nobody helps */
    uint64_t met;           /* how often, twice */
    int64_t waited;         /* nanoseconds of those waits for others that ended in sleep */
} team_member;

typedef void (*team_function)(void *argument, team_member *me);

#if HAS_TEAMS

#if defined(_WIN32)
#include <windows.h>
static inline int64_t nanoseconds(void)
{
    LARGE_INTEGER now, frequency;
    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&frequency);
    return (int64_t)((double)now.QuadPart * 1e9 / (double)frequency.QuadPart);
}
#else
#include <time.h>
static inline int64_t nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
#endif

#if defined(__x86_64__) || defined(__i386__)
#define PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define PAUSE() __asm__ volatile("isb" ::: "memory")
#else
#define PAUSE() __asm__ volatile("" ::: "memory")
#endif

enum { CACHE_LINE = 64, MAX_ROUNDS = 10, MAX_MEMBERS = 1 << MAX_ROUNDS, SPIN_NANOSECONDS = 50000 };

/* Linux under a hypervisor takes a halted processor for one that is busy, and so may wake a member on the processor of the one that
   woke it. There they take turns for good: never are two ready to run at once, so nothing is balanced. So a member that wakes beside
   another moves: its affinity leaves that processor out, or the next wake would take it back. The master's is restored when the job
   ends; helpers leave out the last one where they met somebody. */
#if defined(__linux__)
#include <sched.h>
static __thread cpu_set_t own_processors;   /* of this thread, while some are left out */
static __thread int leaves_some_out;
static inline int this_processor(void) { return sched_getcpu(); }
static inline void leave_processor(int processor, int n_threads)
{
    cpu_set_t others;
    if (!leaves_some_out && sched_getaffinity(0, sizeof own_processors, &own_processors))
        return;
    others = own_processors;
    CPU_CLR(processor, &others);
    if (CPU_COUNT(&own_processors) >= n_threads && sched_setaffinity(0, sizeof others, &others) == 0)
        leaves_some_out = 1;
}
static inline void leave_none(void)
{
    if (leaves_some_out)
        sched_setaffinity(0, sizeof own_processors, &own_processors);
    leaves_some_out = 0;
}
#else
static inline int this_processor(void) { return -1; }
static inline void leave_processor(int processor, int n_threads) { (void)processor; (void)n_threads; }
static inline void leave_none(void) { }
#endif

typedef struct {
    uint64_t word;
    PyThread_type_lock lock;        /* of the reader; held but for the moment that ends its sleep */
    char rest[CACHE_LINE - sizeof(uint64_t) - sizeof(PyThread_type_lock)];
} team_signal;

/* What `call` of a helper says. */
enum { ASLEEP = 1, GONE = 0, READY = 2, CLAIMED = 4, DISMISSED = 6, CALLED = 8, BEGUN = 10 };

/* Member 0 is the master, whatever helpers there are. */
typedef struct {
    team_signal call;               /* helpers: see above */
    team_signal done;               /* number of the last job, twice; the master reads */
    team_signal flags[MAX_ROUNDS];  /* of the barrier */
    int number;                     /* in the job */
    int processor;                  /* where its thread was last seen in a job */
} team_seat;

struct team {
    team_seat *seats;               /* (n_seats,) */
    void *memory;
    int n_seats, most;              /* most: members of a job */
    int open;                       /* whether helpers are to stay */
    uint64_t generation;            /* of the process, see team_after_fork */
    int64_t together, waited;       /* nanoseconds of shared jobs, and what the master waited in them */
    int64_t n_shared;               /* jobs with meetings that helpers had a part in */
    /* the job */
    team_function function;
    void *argument;
    int size;
    uint64_t met, job;
    int at[MAX_MEMBERS];            /* seat of each member */
};

/* How often this process has been forked off: the helpers of a team from before exist in the parent only. */
static uint64_t team_generation = 0;
/* Of the calling thread: the team whose master it is, and the Python object that owns that, held so that an interrupt at any moment
   leaves a team that is there. */
static __thread team *team_active = NULL;
static __thread PyObject *team_owner = NULL;

static inline void team_activate(team *t, PyObject *owner)
{
    PyObject *before = team_owner;
    Py_XINCREF(owner);
    team_active = t;
    team_owner = owner;
    Py_XDECREF(before);
}

static inline void team_send(team_signal *s, uint64_t value)
{
    if (__atomic_exchange_n(&s->word, value, __ATOMIC_SEQ_CST) & ASLEEP)
        PyThread_release_lock(s->lock);
}

/* Wait until the word is at least `least`; returns it. */
static uint64_t team_wait(team_signal *s, uint64_t least, int64_t *waited)
{
    for (int64_t begun = 0;;) {
        uint64_t word;
        int64_t start = 0;
        do {
            for (int k = 0; k < 64; k++) {
                word = __atomic_load_n(&s->word, __ATOMIC_ACQUIRE);
                if (word >= least) {
                    if (begun)
                        *waited += nanoseconds() - begun;
                    return word;
                }
                PAUSE();
            }
            if (start == 0)
                start = nanoseconds();
        } while (nanoseconds() - start < SPIN_NANOSECONDS);
        if (!__atomic_compare_exchange_n(&s->word, &word, word | ASLEEP, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            continue;
        if (begun == 0)
            begun = start;
        PyThread_acquire_lock(s->lock, WAIT_LOCK);
    }
}

/* Where a member that begins, or has slept, is; it moves away from another. */
static inline void team_settle(team_member *me)
{
    team *t = me->of;
    int processor = this_processor();
    for (int k = 0; k < me->size && processor >= 0; k++)
        if (k != me->number && __atomic_load_n(&t->seats[t->at[k]].processor, __ATOMIC_RELAXED) == processor) {
            leave_processor(processor, me->size);
            processor = this_processor();
            break;
        }
    __atomic_store_n(&t->seats[t->at[me->number]].processor, processor, __ATOMIC_RELAXED);
}

/* All members get here before one goes on: in round k each tells the one 2^k ahead, and waits for the one 2^k behind. */
static inline void team_meet(team_member *me)
{
    team *t = me->of;
    if (me->size == 1)
        return;
    me->met += 2;
    for (int round = 0, distance = 1; distance < me->size; round++, distance *= 2) {
        int ahead = me->number + distance;
        team_send(&t->seats[t->at[ahead < me->size ? ahead : ahead - me->size]].flags[round], me->met);
        int64_t waited = me->waited;
        team_wait(&t->seats[t->at[me->number]].flags[round], me->met, &me->waited);
        if (me->waited != waited)
            team_settle(me);
    }
}

/* Run function(argument, member) on this thread and on the helpers that are ready, `most` threads at most; all have ended when this
   returns. Unless the function `meets`, helpers that have not begun when this thread has ended its part are called back. */
static inline void team_run(team *t, int most, int meets, team_function function, void *argument)
{
    team_member me = {t, 0, 1, 0, 0};
    if (t == NULL) {
        function(argument, &me);
        return;
    }
    int64_t start = nanoseconds();
    most = most < t->most ? most : t->most;
    for (int s = 1; s < t->n_seats && me.size < most; s++) {
        uint64_t word = __atomic_load_n(&t->seats[s].call.word, __ATOMIC_ACQUIRE);
        while ((word & ~(uint64_t)ASLEEP) == READY)
            if (__atomic_compare_exchange_n(&t->seats[s].call.word, &word, CLAIMED | (word & ASLEEP), 0, __ATOMIC_SEQ_CST,
                                            __ATOMIC_SEQ_CST)) {
                t->at[me.size] = s;
                t->seats[s].number = me.size++;
                break;
            }
    }
    t->function = function;
    t->argument = argument;
    t->size = me.size;
    t->job += 2;
    t->n_shared += meets && me.size > 1;
    me.met = t->met;
    __atomic_store_n(&t->seats[0].processor, this_processor(), __ATOMIC_RELAXED);
    for (int k = 1; k < me.size; k++)
        team_send(&t->seats[t->at[k]].call, CALLED);
    function(argument, &me);
    for (int k = 1; k < me.size; k++) {
        uint64_t word = CALLED;
        if (meets || !__atomic_compare_exchange_n(&t->seats[t->at[k]].call.word, &word, READY, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            team_wait(&t->seats[t->at[k]].done, t->job, &me.waited);
    }
    t->met = me.met;
    leave_none();
    if (meets && me.size > 1) {
        t->waited += me.waited;
        t->together += nanoseconds() - start;
    }
}

/* Take a seat, and work on jobs until dismissed. */
static inline void team_serve(team *t)
{
    team_seat *seat = NULL;
    int64_t idle = 0;
    for (int s = 1; s < t->n_seats && seat == NULL; s++) {
        uint64_t gone = GONE;
        if (__atomic_compare_exchange_n(&t->seats[s].call.word, &gone, READY, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            seat = &t->seats[s];
    }
    if (seat == NULL)
        return;
    for (;;) {
        uint64_t word = READY;
        if (!__atomic_load_n(&t->open, __ATOMIC_SEQ_CST)
                && __atomic_compare_exchange_n(&seat->call.word, &word, GONE, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            return;
        word = team_wait(&seat->call, DISMISSED, &idle);
        if (word == DISMISSED) {
            __atomic_store_n(&seat->call.word, GONE, __ATOMIC_SEQ_CST);
            return;
        }
        if (__atomic_compare_exchange_n(&seat->call.word, &word, BEGUN, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            team_member me = {t, seat->number, t->size, t->met, 0};
            uint64_t job = t->job;
            team_settle(&me);
            t->function(t->argument, &me);
            __atomic_store_n(&seat->call.word, READY, __ATOMIC_SEQ_CST);
            team_send(&seat->done, job);
        }
    }
}

/* Let the helpers go, those that are still to come too: they stay no longer than for the job that they are in. */
static inline void team_dismiss(team *t)
{
    __atomic_store_n(&t->open, 0, __ATOMIC_SEQ_CST);
    for (int s = 1; s < t->n_seats; s++) {
        uint64_t word = __atomic_load_n(&t->seats[s].call.word, __ATOMIC_SEQ_CST);
        while ((word & ~(uint64_t)ASLEEP) == READY)
            if (__atomic_compare_exchange_n(&t->seats[s].call.word, &word, DISMISSED, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
                if (word & ASLEEP)
                    PyThread_release_lock(t->seats[s].call.lock);
                break;
            }
    }
}

/* Wake helpers that sleep: there is a job soon. Returns how many there are, of so many at most. */
static inline int team_rouse(team *t, int most)
{
    int n = 0;
    for (int s = 1; s < t->n_seats && n < most; s++) {
        uint64_t word = __atomic_load_n(&t->seats[s].call.word, __ATOMIC_SEQ_CST);
        if ((word & ~(uint64_t)ASLEEP) != READY)
            continue;
        n++;
        if (word & ASLEEP && __atomic_compare_exchange_n(&t->seats[s].call.word, &word, READY, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            PyThread_release_lock(t->seats[s].call.lock);
    }
    return n;
}

/* One of a process from before a fork is left to that: its locks may be those of helpers that sleep there. */
static inline void team_free(team *t)
{
    if (t == NULL || t->generation != team_generation)
        return;
    for (int s = 0; s < t->n_seats; s++)
        if (t->seats[s].call.lock != NULL) {
            PyThread_release_lock(t->seats[s].call.lock);
            PyThread_free_lock(t->seats[s].call.lock);
        }
    free(t->memory);
    free(t);
}

/* For so many helpers; NULL without memory. */
static inline team *team_new(int n_helpers)
{
    int n_seats = n_helpers < MAX_MEMBERS ? n_helpers + 1 : MAX_MEMBERS;
    team *t = calloc(1, sizeof(team));
    if (t == NULL)
        return NULL;
    t->generation = team_generation;
    t->open = 1;
    t->memory = calloc(n_seats * sizeof(team_seat) + CACHE_LINE, 1);
    if (t->memory == NULL) {
        team_free(t);
        return NULL;
    }
    t->seats = (team_seat *)(((uintptr_t)t->memory + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    t->n_seats = n_seats;
    for (int s = 0; s < n_seats; s++) {
        PyThread_type_lock lock = PyThread_allocate_lock();
        if (lock == NULL) {
            team_free(t);
            return NULL;
        }
        PyThread_acquire_lock(lock, WAIT_LOCK);
        t->seats[s].call.lock = lock;
        t->seats[s].processor = -1;
        for (int round = 0; round < MAX_ROUNDS; round++)
            t->seats[s].flags[round].lock = lock;
    }
    /* Whoever is in a job waits for one word at a time, so one lock serves all; a master waits for `done`. */
    for (int s = 0; s < n_seats; s++)
        t->seats[s].done.lock = t->seats[0].call.lock;
    return t;
}

#else

struct team { int most; uint64_t generation; int64_t together, waited, n_shared; };
static team *team_active = NULL;
static uint64_t team_generation = 0;

static inline void team_activate(team *t, PyObject *owner) { (void)t; (void)owner; }
static inline void team_meet(team_member *me) { (void)me; }
static inline void team_serve(team *t) { (void)t; }
static inline void team_dismiss(team *t) { (void)t; }
static inline int team_rouse(team *t, int most) { (void)t; (void)most; return 0; }
static inline void team_free(team *t) { (void)t; }
static inline team *team_new(int n_helpers) { (void)n_helpers; return NULL; }

static inline void team_run(team *t, int most, int meets, team_function function, void *argument)
{
    team_member me = {NULL, 0, 1, 0, 0};
    (void)t;
    (void)most;
    (void)meets;
    function(argument, &me);
}

#endif
#endif
