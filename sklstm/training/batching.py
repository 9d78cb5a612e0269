"""How an epoch is cut into minibatches, and a minibatch into shards."""

import numpy as np

# Sequences of similar length are brought together inside a pool of that many minibatches.
POOL_BATCHES = 16

# A shard has at least this many sequences, and more where the packed weights leave the second-level cache and every row
# of a product shares the cost of streaming them: H / 8 rows of the widest layer.
SHARD_SEQUENCES = 16
# Multiplications and additions below which a second thread does not repay its dispatch of some 50 microseconds.
SHARD_FLOPS = 1e8
MAX_SHARDS = 64


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

    The number depends on the data and the network, never on the number of threads, so gradients summed in the order of
    the shards have the same bits whatever computed them.

    Parameters
    ----------
    rows : ndarray of int
        Samples of the minibatch.
    lengths : ndarray of int of shape (n_samples,)
    network : Network

    Returns
    -------
    list of ndarray of int
    """
    smallest = max(SHARD_SEQUENCES, max(network.hidden_sizes) // 8)
    by_size = len(rows) // smallest
    if by_size < 2:
        return [rows]
    by_work = int(lengths[rows].sum() * network.flops_per_row / SHARD_FLOPS)
    n = max(1, min(by_size, by_work, MAX_SHARDS))
    if n == 1:
        return [rows]
    by_length = rows[np.argsort(-lengths[rows], kind="stable")]
    return [by_length[k::n] for k in range(n)]
