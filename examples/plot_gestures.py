"""
Recognise gestures on a microcontroller
=======================================

A model is exported as C in integers, and reads an accelerometer sample by sample on an emulated Cortex-M4, or on this machine
where the emulator (``qemu-system-arm``) and its compiler (``arm-none-eabi-gcc``) are not installed.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMClassifier
from sklstm.export import to_c, verify

# Frequency and phase of the acceleration along each axis; 0 where there is none.
GESTURES = {"push": [(1, 0), 0, 0], "lift": [0, 0, (1, 0)], "circle": [(1, 0), (1, 90), 0], "eight": [(2, 0), (1, 90), 0],
            "back": [(1, 0), (1, 270), 0], "wave": [0, (3, 0), (1, 0)]}  # fmt: skip
rng = np.random.default_rng(0)


def gesture(name):
    """Raw values of an accelerometer with three axes, 2,048 to the g, some 50 times a second."""
    t = np.linspace(0, 2 * np.pi, rng.integers(40, 80)) * rng.uniform(0.8, 1.2)
    axes = np.column_stack([np.sin(axis[0] * t + np.radians(axis[1])) if axis else 0 * t for axis in GESTURES[name]])
    return np.rint(2048 * (axes * rng.uniform(0.5, 1.5) + rng.normal(scale=0.15, size=axes.shape) + [0, 0, 1]))


y = rng.choice(list(GESTURES), size=900)
X = [gesture(name) for name in y]
model = LSTMClassifier(16, cell="gru", max_iter=40, random_state=0).fit(X[:700], y[:700])
folder = Path(tempfile.mkdtemp())
sizes = to_c(model, folder / "gesture.h", name="gesture", dtype="q15", X_calibration=X[:700])
print(f"Accuracy {model.score(X[700:], y[700:]):.3f}; bytes: {sizes}")
print(f"Labels of the header that are those of the model: {verify(folder / 'gesture.h', model, X[700:])['agreement']:.1%}")

# The program of the device. Here samples are constants; there the sensor has them. 4 is the call that prints, 24 that which ends.
shown = [int(np.flatnonzero(y[700:] == name)[0]) + 700 for name in GESTURES]
x, begins = np.concatenate([X[k] for k in shown]), np.cumsum([0] + [len(X[k]) for k in shown])
device = r"""
static void call(int operation, const void *argument) {
    register int r0 __asm__("r0") = operation; register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory"); }
static void print(const char *text) { call(4, text); }
void start(void) { recognise(); call(24, (const void *)0x20026); }
__attribute__((section(".vectors"), used)) static void (*const vectors[])(void) = {(void (*)(void))0x20008000, start};
"""
host = '#include <stdio.h>\nstatic void print(const char *text) { fputs(text, stdout); }\nint main(void) { recognise(); }'
on_device = shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")
(folder / "main.c").write_text(f"""#include "gesture.h"
static const float samples[][3] = {{{", ".join(f"{{{a:.1f}f, {b:.1f}f, {c:.1f}f}}" for a, b, c in x)}}};
static const unsigned char begins[] = {{{", ".join(str(int(t in begins)) for t in range(len(x)))}}};
static gesture_state state;
static void print(const char *text);
static void recognise(void) {{
    for (int t = 0; t < {len(x)}; t++) {{
        char text[3] = {{0, '\\n', 0}};
        if (begins[t])
            gesture_init(&state);
        gesture_step(&state, samples[t]);
        text[0] = (char)('0' + gesture_label(&state));
        print(text);
    }}
}}
{device if on_device else host}
""")
(folder / "link.ld").write_text("""ENTRY(start)
SECTIONS { .text 0 : { KEEP(*(.vectors)) *(.text*) *(.rodata*) } .bss 0x20000000 : { *(.data*) *(.bss*) } }""")
arm = "arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -Os -std=c99 -nostartfiles -ffreestanding -T link.ld main.c -o main -lm"
subprocess.run((arm if on_device else "cc -Os -std=c99 main.c -o main -lm").split(), cwd=folder, check=True)
emulator = "qemu-system-arm -M mps2-an386 -semihosting -nographic -kernel main".split()
done = subprocess.run(emulator if on_device else ["./main"], cwd=folder, check=True, capture_output=True, text=True)
labels = np.array([int(line) for line in (done.stdout or done.stderr).split()])  # the emulator prints on standard error

expected = np.concatenate([[model.predict([X[k][: t + 1]])[0] for t in range(len(X[k]))] for k in shown])
print(f"{'Emulated Cortex-M4' if on_device else 'This machine'}: the labels after {len(x)} samples are those of the model in"
      f" {np.mean(model.classes_[labels] == expected):.1%}.")

figure, (above, below) = plt.subplots(2, figsize=(6.4, 4), sharex=True, layout="constrained")
above.plot(x / 2048, label=["x", "y", "z"], linewidth=1)
above.set(ylabel="Acceleration (g)", ylim=(-3, 4))
above.legend(ncols=3, fontsize="small", loc="lower right")
below.plot(labels, ".", color="#D55E00", markersize=3)
below.set(xlabel="Sample", ylabel="Class of the device", yticks=range(6), yticklabels=model.classes_)
for k, begin in zip(shown, begins, strict=False):
    above.text(begin, 3.2, y[k], fontsize="small")
    below.axvline(begin, color="0.7", linewidth=0.8)
output = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
figure.savefig(output / f"{Path(__file__).stem}.png", dpi=100)
