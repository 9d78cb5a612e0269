"""Exported C on small processors: the same bits, and sizes.

    python benchmarks/devices.py install     Debian packages of compilers and emulators (as root), ziglang and wasmtime of PyPI
    python benchmarks/devices.py bits        hashes of the scores of 1,000 steps, in integers, on every processor that is there
    python benchmarks/devices.py sizes       bytes of flash and RAM, and clock cycles of a step on AVR
    python benchmarks/devices.py peers       the same network by emx-onnx-cgen, from ONNX

Processors are this one (gcc and clang), Cortex-M0 and M4 in qemu-system-arm, AVR (ATmega1284P) in simavr, and WebAssembly in
wasmtime. Inputs are pseudo-random integers, which each program makes itself. What is not installed is left out.

sizes     Compiled with -Os, for `init`, `step_q` and `label` of one model, which are called from other files. Flash is the code
          with its constants, and functions of the compiler's own library that it needs; RAM is the state and the stack of a step.
peers     A GRU of 16 units on 6 channels with 6 classes.
"""

import argparse
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from machine import table

from sklstm import LSTMClassifier
from sklstm.export import to_c

PACKAGES = "gcc g++ clang gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm gcc-avr avr-libc simavr".split()
N_STEPS = 1000

# What every program runs; a file of the processor has `put`, and calls it.
RUN = """\
#define MODEL_NO_FLOAT
#include "model.h"

static model_state state;

/* A hash (FNV-1a) of the scores and labels of steps with pseudo-random integers */
static uint32_t run(uint32_t n_steps)
{
    uint32_t seed = 1u, hash = 2166136261u, t;
    int16_t q[MODEL_CHANNELS];
    int32_t scores[MODEL_SCORES];
    model_init(&state);
    for (t = 0; t < n_steps; t++) {
        size_t k;
        for (k = 0; k < MODEL_CHANNELS; k++) {
            seed = seed * 1664525u + 1013904223u;
            q[k] = (int16_t)((int32_t)(seed >> 17) - 16384);
        }
        model_step_q(&state, q);
        model_scores_q(&state, scores);
        for (k = 0; k < MODEL_SCORES; k++)
            hash = (hash ^ (uint32_t)scores[k]) * 16777619u;
        hash = (hash ^ (uint32_t)model_label(&state)) * 16777619u;
    }
    return hash;
}

static void put(char c);

static void put_hash(uint32_t hash)
{
    int k;
    for (k = 28; k >= 0; k -= 4)
        put("0123456789abcdef"[(hash >> k) & 15u]);
    put('\\n');
}
"""

HOST = """\
#include <stdio.h>
static void put(char c) { putchar(c); }
int main(void) { put_hash(run(N_STEPS)); return 0; }
"""

# Semihosting: calls of the emulator. 3 writes a character, 24 ends.
CORTEX = """\
static void call(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}
static void put(char c) { call(3, &c); }
void start(void);
void start(void)
{
    put_hash(run(N_STEPS));
    call(24, (const void *)0x20026);
    for (;;) {}
}
__attribute__((section(".vectors"), used)) static void (*const vectors[])(void) = {(void (*)(void))0x20004000, start};
"""

LINK = """\
ENTRY(start)
SECTIONS {
    . = 0;
    .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) }
    . = 0x20000000;
    .data : { *(.data*) }
    .bss : { *(.bss*) *(COMMON) }
}
"""

AVR = """\
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
static void put(char c)
{
    while (!(UCSR0A & (1 << UDRE0))) {}
    UDR0 = (uint8_t)c;
}
int main(void)
{
    static int16_t q[MODEL_CHANNELS];
    uint32_t hash;
    UCSR0B = 1 << TXEN0;
    TCCR1B = 4; /* a tick of the timer is 256 cycles */
    hash = run(N_STEPS);
    put_hash(hash);
    TCNT1 = 0;
    for (uint8_t t = 0; t < 16; t++)
        model_step_q(&state, q);
    put_hash((uint32_t)TCNT1 * 16u); /* cycles of a step */
    cli();
    sleep_mode();
    return 0;
}
"""

WASM = """\
static void put(char c) { (void)c; (void)put_hash; }
__attribute__((export_name("hash"))) uint32_t hash(void) { return run(N_STEPS); }
"""


def has(*commands):
    """Whether all commands, and modules of Python that begin with "python:", are there."""
    return all(importlib.util.find_spec(c[7:]) if c.startswith("python:") else shutil.which(c) for c in commands)


def run(*command, **options):
    """What a command prints; raises with that where it fails."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=600, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{done.stdout[-1000:]}{done.stderr[-3000:]}")
    return done.stdout + done.stderr


def build(folder, compiler, source, *flags):
    """Compile a program in a folder that has the header; returns its path."""
    (folder / "main.c").write_text(RUN + source)
    run(*compiler, "-std=gnu99", f"-DN_STEPS={N_STEPS}u", "-I", folder, *flags, folder / "main.c", "-o", folder / "main")
    return folder / "main"


def on_host(compiler, level):
    return lambda folder: run(build(folder, [compiler], HOST, level))


def on_cortex(cpu, machine):
    def hash_of(folder):
        (folder / "link.ld").write_text(LINK)
        arm = ["arm-none-eabi-gcc", f"-mcpu={cpu}", "-mthumb", "-Os", "-nostartfiles", "-T", folder / "link.ld"]
        program = build(folder, arm, CORTEX, "-ffreestanding")
        return run("qemu-system-arm", "-M", machine, "-semihosting", "-nographic", "-kernel", program)

    return hash_of


def on_avr(folder):
    """The hash, and the clock cycles of a step."""
    program = build(folder, ["avr-gcc", "-mmcu=atmega1284p", "-Os"], AVR)
    return " ".join(re.findall(r"[0-9a-f]{8}", run("simavr", "-m", "atmega1284p", "-f", 16_000_000, program)))


def on_wasm(folder):
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-freestanding"]
    program = build(folder, zig, WASM, "-Os", "-nostdlib", "-Wl,--no-entry")
    import wasmtime

    store = wasmtime.Store()
    instance = wasmtime.Instance(store, wasmtime.Module.from_file(store.engine, str(program)), [])
    return f"{instance.exports(store)['hash'](store) % 2**32:08x}"


# Processor -> what has to be there, and a function of a folder with the header "model.h" that returns the hash.
PROCESSORS = {
    "x86-64, gcc -O2": (("gcc",), on_host("gcc", "-O2")),
    "x86-64, gcc -O0": (("gcc",), on_host("gcc", "-O0")),
    "x86-64, clang": (("clang",), on_host("clang", "-O2")),
    "Cortex-M0": (("arm-none-eabi-gcc", "qemu-system-arm"), on_cortex("cortex-m0", "microbit")),
    "Cortex-M4": (("arm-none-eabi-gcc", "qemu-system-arm"), on_cortex("cortex-m4", "mps2-an386")),
    "AVR": (("avr-gcc", "simavr"), on_avr),
    "WebAssembly": (("python:ziglang", "python:wasmtime"), on_wasm),
}


def model_of(cell, hidden_size=16, n_channels=6, n_classes=6, seed=0, **parameters):
    """A classifier of sequences that differ in the frequencies of their channels, and those sequences."""
    rng = np.random.default_rng(seed)
    y = np.arange(20 * n_classes) % n_classes
    phases = rng.uniform(0, 6.3, (len(y), 1, n_channels))
    X = np.sin(0.15 * (1 + y[:, None, None]) * np.arange(40)[:, None] + phases) + rng.normal(scale=0.3, size=phases.shape)
    return LSTMClassifier(hidden_size, cell=cell, max_iter=20, random_state=0, **parameters).fit(X, y), X


def hashes(write):
    """Processor -> hash, of a header that ``write(path)`` writes; "not installed" where something is missing."""
    found = {}
    for name, (needed, hash_of) in PROCESSORS.items():
        if not has(*needed):
            found[name] = "not installed"
            continue
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder) / "model.h")
            found[name] = hash_of(Path(folder)).split()[0][:8]
    return found


def show_bits():
    cases = [("gru", {}), ("lstm", {"pooling": ("last", "mean", "attention")}), ("peephole", {}), ("coupled", {})]
    cases += [("gru_reset_before", {"activation": "relu"}), ("rnn", {"num_layers": 2, "residual": True})]
    for cell, parameters in cases:
        model, X = model_of(cell, **parameters)
        for dtype in ("q15", "int8"):
            found = hashes(lambda path, m=model, X=X, dtype=dtype: to_c(m, path, dtype=dtype, X_calibration=X))
            distinct = set(found.values()) - {"not installed"}
            print(cell, parameters, dtype, "the same bits" if len(distinct) == 1 else "DIFFERENT", found, flush=True)


# ---- sizes ----

# What a program on a device calls; the state is its own.
USE = """\
#include "model.h"
model_state state;
void begin(void);
void step($integer const $type *x);
int label(void);
void begin(void) { model_init(&state); }
void step(const $type *x) { model_step$suffix(&state, x); }
int label(void) { return model_label(&state); }
"""

SIZE_FLAGS = ["-std=c99", "-Os", "-ffunction-sections", "-fstack-usage"]

# Processor -> compiler with its flags, and the command that tells sizes.
COMPILERS = {
    "Cortex-M0": ("arm-none-eabi-gcc -mcpu=cortex-m0 -mthumb".split(), "arm-none-eabi-size"),
    "Cortex-M4": ("arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard".split(), "arm-none-eabi-size"),
    "AVR": ("avr-gcc -mmcu=atmega1284p".split(), "avr-size"),
}


def sizes_of(compiler, size, dtype, folder):
    """Bytes of flash and RAM of the header "model.h" in a folder, without functions of libraries: code with its constants, and
    the state with the stack of a step."""
    number, suffix = ("float", "") if dtype == "float32" else ("int16_t", "_q")
    source = USE.replace("$integer ", "").replace("$type", number).replace("$suffix", suffix)
    (folder / "use.c").write_text(source)
    run(*compiler, *SIZE_FLAGS, "-c", folder / "use.c", "-o", folder / "use.o")
    text, data, bss = map(int, run(size, folder / "use.o").splitlines()[1].split()[:3])
    stack = sum(int(line.split("\t")[1]) for line in (folder / "use.su").read_text().splitlines())
    return text + data, data + bss + stack


def show_sizes():
    networks = [("gru", 16, 6, 6), ("lstm", 16, 6, 6), ("rnn", 16, 6, 6), ("gru", 32, 6, 6), ("lstm", 64, 9, 6)]
    heads = [f"{name}: {what}" for name in COMPILERS for what in ("flash", "RAM")]
    rows = [["network", "numbers", "constants", "state", *heads, "AVR: cycles"]]
    for cell, units, channels, classes in networks:
        model, X = model_of(cell, units, channels, classes)
        for dtype in ("float32", "q15", "int8"):
            with tempfile.TemporaryDirectory() as folder:
                folder = Path(folder)
                sizes = to_c(model, folder / "model.h", dtype=dtype, X_calibration=X)
                row = [f"{cell}, {units} units, {channels} channels, {classes} classes", dtype]
                row += [str(sizes["weights"] + sizes["tables"]), str(sizes["state"])]
                for compiler, size in COMPILERS.values():
                    is_too_large = compiler[0] == "avr-gcc" and sizes["weights"] > 32767  # for its arrays
                    row += ["", ""] if is_too_large else map(str, sizes_of(compiler, size, dtype, folder))
                row.append("" if is_too_large or dtype == "float32" else str(int(on_avr(folder).split()[1], 16)))
            rows.append(row)
    print(table(rows))


# ---- the same network by another generator ----

LINKED = """\
void start(void);
void start(void) { $calls for (;;) {} }
"""
OF_EMX = """\
void model(const float X[1][$T][6], long long label[1], float probabilities[1][6]);
static float X[1][$T][6], y[1][6];
static long long label[1];
"""
OF_SKLSTM = """\
void begin(void);
void step(const $type *x);
int label(void);
static $type x[6];
static volatile int found;
"""


def linked(compiler, size, folder, source, text):
    """Bytes of flash of a program that calls a network, with what it needs of libraries."""
    (folder / "start.c").write_text(text)
    (folder / "link.ld").write_text(LINK)
    flags = ["-Os", "-std=c99", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", "-nostartfiles"]
    libraries = ["-specs=nano.specs", "-T", folder / "link.ld", "-lm", "-o", folder / "linked"]
    run(*compiler, *flags, folder / source, folder / "start.c", *libraries)
    lines = run(size, "-A", folder / "linked").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith((".text", ".data", ".ARM.ex")))


def show_peers():
    """A GRU of 16 units that pools the last step, of sequences of 40 steps."""
    import onnx

    from sklstm.export import to_onnx

    model, X = model_of("gru", pooling="last")
    rows = [["C", "processor", "flash of the network", "flash with libraries", "RAM"]]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        graph = to_onnx(model, lengths=False)
        for node in graph.graph.node:  # emx-onnx-cgen does not know the default when it is written out
            kept = [attribute for attribute in node.attribute if attribute.name != "direction"]
            del node.attribute[:]
            node.attribute.extend(kept)
        onnx.save(graph, folder / "model.onnx")
        emx = ["emx-onnx-cgen", "compile", folder / "model.onnx", folder / "emx.c", "--model-name", "model"]
        run(*emx, "--large-temp-threshold", "0", "--input-dim", "N=1", "--input-dim", f"T={X.shape[1]}")
        for name in ("Cortex-M0", "Cortex-M4"):
            compiler, size = COMPILERS[name]
            run(*compiler, *SIZE_FLAGS, "-c", folder / "emx.c", "-o", folder / "emx.o")
            text, data, bss = map(int, run(size, folder / "emx.o").splitlines()[1].split()[:3])
            stack = sum(int(line.split("\t")[1]) for line in (folder / "emx.su").read_text().splitlines())
            calls = OF_EMX.replace("$T", str(X.shape[1])) + LINKED.replace("$calls", "model(X, label, y);")
            whole = linked(compiler, size, folder, "emx.c", calls)
            rows.append(["emx-onnx-cgen, float32", name, str(text + data), str(whole), str(data + bss + stack)])
            for dtype in ("float32", "q15", "int8"):
                to_c(model, folder / "model.h", dtype=dtype, X_calibration=X)
                flash, memory = sizes_of(compiler, size, dtype, folder)
                calls = OF_SKLSTM.replace("$type", "float" if dtype == "float32" else "short")
                calls += LINKED.replace("$calls", "begin(); step(x); found = label();")
                whole = linked(compiler, size, folder, "use.c", calls)
                rows.append([f"sklstm, {dtype}", name, str(flash), str(whole), str(memory)])
    print(table(rows))


def install():
    """What the processors need, on Debian."""
    run("apt-get", "update")
    run("apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES)
    run(sys.executable, "-m", "pip", "install", "ziglang", "wasmtime", "emx-onnx-cgen", "onnx")


COMMANDS = {"install": install, "bits": show_bits, "sizes": show_sizes, "peers": show_peers}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=COMMANDS)
    COMMANDS[parser.parse_args().command]()
