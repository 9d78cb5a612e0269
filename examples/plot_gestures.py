"""
Recognise gestures on a microcontroller
=======================================

A model is exported as C in integers, and reads an accelerometer sample by sample on an emulated Cortex-M4, or on this machine
where the emulator (``qemu-system-arm``) and its compiler (``arm-none-eabi-gcc``) are not installed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMClassifier
from sklstm.export import to_c, verify

# Frequency and phase of the acceleration along each of three axes.
GESTURES = {"push": (1, 0, 0, 0, 0, 0), "lift": (0, 0, 0, 0, 1, 0), "circle": (1, 0, 1, 90, 0, 0),
            "eight": (2, 0, 1, 90, 0, 0), "back": (1, 0, 1, 270, 0, 0), "wave": (0, 0, 3, 0, 1, 0)}  # fmt: skip
rng = np.random.default_rng(0)


def gesture(name):
    """Raw values of an accelerometer, 2,048 to the g, some 50 times a second."""
    t = np.linspace(0, 2 * np.pi, rng.integers(40, 80))[:, np.newaxis] * rng.uniform(0.8, 1.2)
    axes = np.sin(np.multiply(GESTURES[name][::2], t) + np.radians(GESTURES[name][1::2])) * rng.uniform(0.5, 1.5)
    return np.rint(2048 * (axes + rng.normal(loc=[0, 0, 1], scale=0.15, size=axes.shape)))


y = rng.choice(list(GESTURES), size=900)
X = [gesture(name) for name in y]
model = LSTMClassifier(16, cell="gru", max_iter=40, random_state=0).fit(X[:700], y[:700])
folder = Path(tempfile.mkdtemp())
print("Bytes:", to_c(model, folder / "gesture.h", name="gesture", dtype="q15", X_calibration=X[:700]))
print(f"Accuracy {model.score(X[700:], y[700:]):.3f}; the header:", verify(folder / "gesture.h", model, X[700:]))

# The program prints the class after each sample. Here samples of six gestures are constants; on a device the sensor has them.
shown = [700 + list(y[700:]).index(name) for name in GESTURES]
x, begins = np.concatenate([X[k] for k in shown]), np.cumsum([0] + [len(X[k]) for k in shown[:-1]])
np.savetxt(folder / "samples.h", np.column_stack([x, np.isin(np.arange(len(x)), begins)]), fmt="{%g, %g, %g, %g},")
(folder / "main.c").write_text(r"""#include <stdio.h>
#include "gesture.h"
#ifdef __arm__  /* what the processor reads first: the end of the stack, and where to begin */
extern void _start(void);
__attribute__((section(".vectors"), used)) static void (*const vectors[])(void) = {(void (*)(void))0x20008000, _start};
#endif
int main(void) {
    static gesture_state state;
    static const float samples[][4] = {  /* three axes, and whether a gesture begins */
#include "samples.h"
    };
    for (size_t t = 0; t < sizeof samples / sizeof samples[0]; t++) {
        if (samples[t][3] > 0) gesture_init(&state);
        gesture_step(&state, samples[t]);
        printf("%d\n", gesture_label(&state));
    }
}""")
compiler = os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), "cc")
build, run, where = compiler, "./main", "This machine"
specs = "rdimon.specs"  # of newlib, whose path the compiler prints where it is installed
find_specs = ["arm-none-eabi-gcc", f"-print-file-name={specs}"]
has_emulator = shutil.which("qemu-system-arm") and shutil.which(find_specs[0])
if has_emulator and subprocess.run(find_specs, capture_output=True, text=True).stdout.strip() != specs:
    build = "arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb --specs=rdimon.specs -Wl,--section-start=.vectors=0"
    run, where = "qemu-system-arm -M mps2-an386 -semihosting -nographic -kernel main", "Emulated Cortex-M4"
subprocess.run(f"{build} -Os -std=c99 main.c -o main -lm".split(), cwd=folder, check=True)
labels = np.array(subprocess.run(run.split(), cwd=folder, check=True, capture_output=True).stdout.split(), dtype=int)
expected = [model.predict([X[k][:t]])[0] for k in shown for t in range(1, len(X[k]) + 1)]
print(f"{where}: {np.mean(model.classes_[labels] == expected):.1%} of the labels after {len(x)} samples are those of the model.")

figure, (above, below) = plt.subplots(2, figsize=(6.4, 4), sharex=True, layout="constrained")
above.plot(x / 2048, label=["x", "y", "z"], linewidth=1)
above.set(ylabel="Acceleration (g)", ylim=(-3, 4), xticks=begins)
above.legend(ncols=3)
below.plot(labels, ".", color="#D55E00", markersize=3)
below.set(xlabel="Sample at which a gesture begins", ylabel="Class of the device", yticks=range(6), yticklabels=model.classes_)
for k, begin in zip(shown, begins, strict=True):
    above.text(begin, 3.2, y[k], fontsize="small")
output = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
figure.savefig(output / f"{Path(__file__).stem}.png", dpi=100)
