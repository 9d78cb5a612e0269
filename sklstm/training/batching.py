"""How an epoch is cut into minibatches, and a minibatch into shards."""

from heapq import heapreplace

import numpy as np

from .._kernels import _pack, _team

# Sequences of similar length are brought together inside a pool of that many minibatches.
POOL_BATCHES = 16

# A shard has at least this many sequences, and more where the packed weights leave the second-level cache and every row
# of a product shares the cost of streaming them: H / 8 rows of the widest layer.
SHARD_SEQUENCES = 16
# But large minibatches are cut finer, for many threads: of n sequences into shards of this over n. At H = 512 and 1024 sequences
# one thread takes half as long again with 64 shards of 16 as with 16 of 64.
FINER = 1 << 14
# Multiplications and additions of a shard at least, some 2 ms: Python, which no other thread runs meanwhile, takes 50
# microseconds of them, and waking a thread as long.
SHARD_FLOPS = 1e8
MAX_SHARDS = 64
# Where there would be fewer shards than this, of a layer so wide, the minibatch stays whole for a team of threads, which shares
# every time step: shards read all weights each, two at H = 256 make two threads 1.4 times as fast as one, the team 1.5 times.
# Narrower layers are quicker in shards even on one thread, by an eighth at B = 32 and H = 64: the gates of fewer sequences stay
# in the cache. And with attention between an encoder and a decoder, which a team leaves to one thread, two shards of 32 pairs at
# H = 256 make two threads 1.6 times as fast as one, the team 1.3 times. Nor does a team share the units of a projected layer.
LEAST_SHARDS = 4
TEAM_UNITS = 192
# Multiplications and additions from which on a minibatch repays a team, some 0.1 ms: to have it costs 5 microseconds. Threads
# that have gone to sleep come late, by 50 to 200 microseconds, and are not waited for.
TEAM_FLOPS = 1e7


def minibatches(lengths, batch_size, rng):
    """Indices of the samples of each minibatch of one epoch.

    Parameters
    ----------
    lengths : ndarray of int of shape (n_samples,)
        Steps of each sequence.
    batch_size : int
    rng : Generator or None
        None keeps the order of the samples.

    Returns
    -------
    list of ndarray of int

    Notes
    -----
    The samples are shuffled. Where lengths differ, each pool of `POOL_BATCHES` minibatches is sorted by length and cut,
    and the order of all minibatches is shuffled again: a minibatch then holds sequences of similar length, so that its
    steps stay many rows wide, but which sequences meet is random, and so is the order of the minibatches.
    """
    n = len(lengths)
    order = np.arange(n) if rng is None else rng.permutation(n)
    ragged = rng is not None and lengths.min() != lengths.max()
    if ragged:
        pool = POOL_BATCHES * batch_size
        order = np.concatenate(
            [
                part[np.argsort(lengths[part], kind="stable")]
                for part in (order[k : k + pool] for k in range(0, n, pool))
            ]
        )
    batches = [order[k : k + batch_size] for k in range(0, n, batch_size)]
    if ragged:
        batches = [batches[k] for k in rng.permutation(len(batches))]
    return batches


def shards(rows, lengths, network):
    """Cut a minibatch into parts that can be computed independently, balanced in length.

    The number depends on the data, the network and the kind of products, never on the number of threads, so gradients summed in
    the order of the shards have the same bits whatever computed them.

    Parameters
    ----------
    rows : ndarray of int
        Samples of the minibatch.
    lengths : ndarray of int of shape (n_samples,)
    network : Network

    Returns
    -------
    list of ndarray of int
        The one with the most steps first.
    """
    if len(rows) < 2 * SHARD_SEQUENCES:
        return [rows]
    n = _n_shards(len(rows), _pack.count_steps(lengths, rows) * network.flops_per_row, max(network.hidden_sizes))
    has_team = _team.available() and network.cross is None and not network.proj_size
    if n == 1 or (n < LEAST_SHARDS and has_team and max(network.hidden_sizes) >= TEAM_UNITS):
        return [rows]
    return _balanced(rows, lengths[rows], n)


def repays_team(rows, lengths, network):
    """Whether a minibatch that is not cut has so much work that several threads may share it. Bits do not depend on that."""
    return _pack.count_steps(lengths, rows) * network.flops_per_row >= TEAM_FLOPS


def _balanced(rows, lengths, n):
    """n parts, each sequence, the longest first, given to the part that has the fewest steps so far."""
    if lengths.min() == lengths.max():
        return [rows[k::n] for k in range(n)]
    by_length = np.argsort(-lengths, kind="stable")
    owners, loads = [], list(range(n))  # steps * n + part: integers are quicker to compare than tuples
    for length in (n * lengths[by_length]).tolist():
        least = loads[0]
        owners.append(least % n)
        heapreplace(loads, least + length)
    owners = np.array(owners)
    most_first = sorted(loads, key=lambda load: (-(load // n), load % n))
    return [rows[by_length[owners == load % n]] for load in most_first]


def _n_shards(n_sequences, flops, hidden_size):
    """How many shards; an even number, or a multiple of 4, lets 2 or 4 threads end together."""
    smallest = max(SHARD_SEQUENCES, min(hidden_size // 8, FINER // n_sequences))
    n = int(min(n_sequences // smallest, flops / SHARD_FLOPS, MAX_SHARDS))
    return 1 if n < 2 else n // 2 * 2 if n < 4 else n // 4 * 4
