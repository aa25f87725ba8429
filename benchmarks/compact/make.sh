#!/usr/bin/env bash
# Makes the compact encoder: some hours on two processor cores with AVX-512 bf16. The averaging wants Python with NumPy and safetensors.
#
#   benchmarks/compact/make.sh REFCON F3_SECTIONS F3_SEGY FOLDER
#
# REFCON is the program; F3_SECTIONS holds crossline-61.npy and crossline-211.npy of the F3 survey, F3_SEGY is
# f3-inlines-110-111.sgy: four real sections, seen without labels. Everything is written into FOLDER, the encoder as FOLDER/compact.
set -euo pipefail
refcon=$(realpath "$1") sections=$(realpath "$2") segy=$(realpath "$3") folder=$4
here=$(realpath "$(dirname "$0")")
mkdir -p "$folder/surveys" && cd "$folder"

# 1. Sixteen synthetic surveys of 224 crosslines, each of another geology, wavelet and noise, to be seen without their labels.
frequencies=(20 22 24 26 21 28 30 33 36 40 44 48 52 58 24 32)
for number in $(seq 1 16); do
    interval=4
    if (( number >= 7 && number <= 14 )); then interval=$((number % 2 * 2 + 2)); fi
    "$refcon" synth -q -o "surveys/s$number.npy" --seed $((100 + number)) --inlines 96 --crosslines 224 --samples 320 \
        --frequency "${frequencies[number - 1]}" --signal-to-noise $((2 + (number * 5) % 14)) --interval $interval
    rm "surveys/s$number-labels.npy"
done

# 2. A masked autoencoder from random weights.
"$refcon" pretrain mae surveys/*.npy "$sections/crossline-61.npy" "$sections/crossline-211.npy" "$segy" \
    --config "$here/mae.yml" --runs mae --plain

# 3. Labelled tiles of 58 other synthetic surveys (12 of the first 30 are too narrow for their tile's side and are left out).
for number in $(seq 1 70); do
    if (( number <= 30 )); then place=$number side=$((80 + (number * 13) % 64)); else place=$((number - 30)) side=$((80 + (number - 30) * 13 % 33)); fi
    (( side <= 112 )) || continue
    interval=4
    if (( place % 3 == 0 )); then interval=2; fi
    "$refcon" synth -q -o labelled.npy --seed $((1000 + number)) --inlines 112 --crosslines 208 --samples 352 \
        --frequency $((18 + (place * 7) % 38)) --signal-to-noise $((2 + (place * 5) % 14)) --interval $interval \
        --tiles labelled --tiles-per-class 50 --tile-side "$side"
done
rm labelled.npy labelled-labels.npy

# 4. Contrastive fine-tuning on their eight classes.
"$refcon" train "$here/contrastive.yml" --data labelled --encoder mae/*/best --precision bf16 --runs contrastive --plain

# 5. Labelled tiles of 90 further surveys, beside the others.
for number in $(seq 1 90); do
    interval=4
    if (( number % 3 == 0 )); then interval=2; fi
    "$refcon" synth -q -o labelled.npy --seed $((1100 + number)) --inlines 112 --crosslines 240 --samples 384 \
        --frequency $((20 + (number * 11) % 43)) --signal-to-noise $((2 + (number * 5) % 14)) --interval $interval \
        --tiles labelled --tiles-per-class 50 --tile-side $((80 + (number * 17) % 33))
done
rm labelled.npy labelled-labels.npy

# 6. Fine-tuning goes on with all of them, at 80 pixels.
cp -r contrastive/*/best at-80
sed -i 's/: 96/: 80/' at-80/refcon-encoder.json
"$refcon" train "$here/continued.yml" --data labelled --encoder at-80 --precision bf16 --runs continued --plain

# 7. The mean of both, three tenths and seven tenths.
python3 "$here/average.py" contrastive/*/best continued/*/best 0.7 averaged

# 8. Joined with the texture descriptor, in bf16.
"$refcon" encoder export --encoder averaged --bf16 --texture-share 0.6 -o compact --title compact
