"""
A melody that is continued
==========================

Nine songs that many know, as sequences of notes, each of which is a pitch with a duration: which note comes next?
``LSTMClassifier(return_sequences=True)`` predicts it after every note. ``sample`` then goes on from the first notes of a song: it
draws a note from the predicted probabilities, reads it as the next step, and so on. Nine songs are few enough to be learned by
heart: with a temperature of 0, where the likeliest note is taken, each is played to its end. With a higher temperature the melody
wanders off, often to a phrase of another song that begins with the same notes.
"""

import re
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMClassifier

# As in ABC notation: a letter is a pitch from middle C up, with a comma an octave lower; a number is a duration in eighths.
SONGS = {
    "Twinkle, twinkle": "C2C2G2G2A2A2G4F2F2E2E2D2D2C4G2G2F2F2E2E2D4G2G2F2F2E2E2D4C2C2G2G2A2A2G4F2F2E2E2D2D2C4",
    "Frère Jacques": "C2D2E2C2C2D2E2C2E2F2G4E2F2G4G1A1G1F1E2C2G1A1G1F1E2C2C2G,2C4C2G,2C4",
    "Ode to joy": "E2E2F2G2G2F2E2D2C2C2D2E2E3D1D4E2E2F2G2G2F2E2D2C2C2D2E2D3C1C4D2D2E2C2D2E1F1E2C2D2E1F1E2D2C2D2G,4",
    "Mary had a little lamb": "E2D2C2D2E2E2E4D2D2D4E2G2G4E2D2C2D2E2E2E2E2D2D2E2D2C8",
    "London Bridge": "G3A1G2F2E2F2G4D2E2F4E2F2G4G3A1G2F2E2F2G4D4G4E2C6",
    "Au clair de la lune": "C2C2C2D2E4D4C2E2D2D2C8C2C2C2D2E4D4C2E2D2D2C8D2D2D2D2A,4A,4D2C2B,2A,2G,8C2C2C2D2E4D4C2E2D2D2C8",
    "Hänschen klein": "G2E2E4F2D2D4C2D2E2F2G2G2G4G2E2E4F2D2D4C2E2G2G2C8D2D2D2D2D2E2F4E2E2E2E2E2F2G4G2E2E4F2D2D4C2E2G2G2C8",
    "Alle meine Entchen": "C2D2E2F2G4G4A2A2A2A2G8A2A2A2A2G8F2F2F2F2E4E4D2D2D2D2C8",
    "Jingle bells": "E2E2E4E2E2E4E2G2C3D1E8F2F2F3F1F2E2E2E1E1E2D2D2E2D4G4E2E2E4E2E2E4E2G2C3D1E8F2F2F3F1F2E2E2E1E1G2G2F2D2C8",
}
N_GIVEN, PITCHES = 8, ["G,", "A,", "B,", *"CDEFGAB"]
songs = {name: re.findall(r"[A-G],?\d", text) for name, text in SONGS.items()}
X, y = [song[:-1] for song in songs.values()], [song[1:] for song in songs.values()]
model = LSTMClassifier(64, return_sequences=True, categorical_features="all", max_iter=150, random_state=0).fit(X, y)
print(f"{len(model.classes_)} different notes. Of those after the first {N_GIVEN}, temperature 0 plays as they are in the song:")
for name, song in songs.items():
    played = model.sample([song[:N_GIVEN]], len(song) - N_GIVEN, temperature=0)[0]
    print(f"{name:24} {np.mean(played == song[N_GIVEN:]):.0%}")


def draw(ax, notes, start, **style):
    """Notes as bars from a time on; returns the time after them."""
    durations = [int(note[-1]) for note in notes]
    times = start + np.cumsum([0, *durations])
    ax.barh([PITCHES.index(note[:-1]) for note in notes], np.array(durations) - 0.2, left=times[:-1], height=0.7, **style)
    return times[-1]


begin = songs["Frère Jacques"][:N_GIVEN]
fig, axes = plt.subplots(3, 1, figsize=(8, 6), sharex=True, sharey=True, layout="constrained")
for ax, temperature in zip(axes, (0, 1, 2), strict=True):
    drawn = model.sample([begin], 36, temperature=temperature, random_state=1)[0]
    draw(ax, drawn, draw(ax, begin, 0, color="black"), color="#D55E00")
    ax.set(title=f"Frère Jacques, continued with temperature {temperature}", ylabel="Pitch", xlim=(0, 80))
axes[0].set_yticks(range(len(PITCHES)), PITCHES)
axes[-1].set_xlabel("Time in eighths; the notes in black are given")
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
