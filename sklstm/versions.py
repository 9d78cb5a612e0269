"""`show_versions`: what a bug report should say."""

import os
import platform


def show_versions():
    """Print the versions and settings that a bug report needs.

    These are the versions of Python, sklstm and its dependencies, the BLAS libraries, the instruction set and the kind of
    matrix products in use and the number of threads.

    See Also
    --------
    sklearn.show_versions : Prints the versions of more packages.

    Examples
    --------
    >>> import sklstm
    >>> sklstm.show_versions()  # doctest: +ELLIPSIS
    sklstm: ...
    """
    from importlib.metadata import version

    import joblib
    from threadpoolctl import threadpool_info

    from ._kernels import _product, _simd

    print(f"sklstm: {version('sklstm')}")
    print(f"python: {platform.python_version()} ({platform.python_implementation()})")
    print(f"system: {platform.platform()} {platform.machine()}")
    for package in ("numpy", "scipy", "scikit-learn", "joblib", "threadpoolctl"):
        print(f"{package}: {version(package)}")
    print(f"SIMD level: {_simd.level()} (SKLSTM_SIMD={os.environ.get('SKLSTM_SIMD', '')})")
    print(f"products: {_product.products()} (SKLSTM_PRODUCTS={os.environ.get('SKLSTM_PRODUCTS', '')})")
    print(f"CPUs: {os.cpu_count()}, usable here: {joblib.cpu_count()}")
    for library in threadpool_info():
        print(
            f"{library['user_api']}: {library['internal_api']} {library['version']}, {library['num_threads']} threads"
            f" ({library['prefix']})"
        )
