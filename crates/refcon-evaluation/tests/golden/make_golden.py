"""Golden values of metrics and calibration, from the libraries that others use.

    pip install torch==2.7.1 torchmetrics==1.9.0 scikit-learn==1.9.1 pytorch-metric-learning==2.9.0 scipy==1.17.1 numpy==2.4.6
    python make_golden.py        # writes metrics.json and calibration.json beside itself
"""

import json
import pathlib

import numpy as np
import scipy.stats
import torch
import torchmetrics.functional.retrieval as retrieval
from pytorch_metric_learning.distances import CosineSimilarity, LpDistance
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.inference import CustomKNN
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    ndcg_score,
    precision_recall_fscore_support,
    roc_auc_score,
)
from torchmetrics.functional.classification import binary_calibration_error

HERE = pathlib.Path(__file__).parent
random = np.random.default_rng(20240601)


def plain(value):
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return round(float(value), 12) if isinstance(value, (float, np.floating)) else int(value)


def write(name, content):
    (HERE / name).write_text(json.dumps(plain(content)) + "\n")


def labelled(count):
    """Embeddings of three overlapping classes, in numbers that are exact in decimal."""
    classes = random.integers(0, 3, count)
    centres = np.array([[3, 0, 1, 0], [0, 3, 0, 1], [1, 1, 3, 0]])
    return np.round(centres[classes] + random.normal(0, 1.4, (count, 4)), 3), classes


def metric_cases():
    (queries, query_classes), (library, library_classes) = labelled(17), labelled(60)
    cases = {"queries": queries, "query_classes": query_classes, "library": library, "library_classes": library_classes}
    unit = lambda rows: rows / np.linalg.norm(rows, axis=1, keepdims=True)
    distances = {
        "cosine": 1 - unit(queries) @ unit(library).T,
        "l2": np.linalg.norm(queries[:, None] - library[None], axis=2),
    }
    for name, far in distances.items():
        each = {key: [] for key in METRICS}
        for row, own in zip(far, query_classes):
            relevant = library_classes == own
            # torchmetrics takes scores of 0 or less for tiles that were not retrieved.
            near, hit = torch.tensor(100.0 - row), torch.tensor(relevant)
            each["precision_at_1"].append(retrieval.retrieval_precision(near, hit, top_k=1))
            each["precision_at_3"].append(retrieval.retrieval_precision(near, hit, top_k=3))
            each["precision_at_10"].append(retrieval.retrieval_precision(near, hit, top_k=10))
            each["recall_at_10"].append(retrieval.retrieval_recall(near, hit, top_k=10))
            each["hit_rate_at_3"].append(retrieval.retrieval_hit_rate(near, hit, top_k=3))
            each["r_precision"].append(retrieval.retrieval_r_precision(near, hit))
            each["mean_reciprocal_rank"].append(retrieval.retrieval_reciprocal_rank(near, hit))
            each["mean_average_precision"].append(average_precision_score(relevant, -row))
            each["ndcg"].append(ndcg_score(relevant[None].astype(int), -row[None]))
        distance = CosineSimilarity() if name == "cosine" else LpDistance(normalize_embeddings=False)
        calculator = AccuracyCalculator(
            include=("precision_at_1", "r_precision", "mean_average_precision_at_r", "mean_average_precision", "mean_reciprocal_rank"),
            k=len(library),
            knn_func=CustomKNN(distance),
        )
        means = calculator.get_accuracy(
            torch.tensor(queries), torch.tensor(query_classes), torch.tensor(library), torch.tensor(library_classes)
        )
        nearest = library_classes[far.argmin(axis=1)]
        precision, recall, f1, _ = precision_recall_fscore_support(query_classes, nearest, labels=[0, 1, 2], zero_division=0)
        cases[name] = {
            "each": {key: np.array([float(value) for value in values]) for key, values in each.items()},
            "means": {
                "precision_at_1": means["precision_at_1"],
                "r_precision": means["r_precision"],
                "map_at_r": means["mean_average_precision_at_r"],
                "mean_average_precision": means["mean_average_precision"],
                "mean_reciprocal_rank": means["mean_reciprocal_rank"],
            },
            "confusion": confusion_matrix(query_classes, nearest, labels=[0, 1, 2]),
            "agreement": {"precision": precision, "recall": recall, "f1": f1},
        }
    return cases


METRICS = (
    "precision_at_1",
    "precision_at_3",
    "precision_at_10",
    "recall_at_10",
    "hit_rate_at_3",
    "r_precision",
    "mean_reciprocal_rank",
    "mean_average_precision",
    "ndcg",
)


def calibration_cases():
    # Positions with ties; more often true further right.
    at = np.round(random.normal(0, 1, 150), 1)
    happened = random.random(150) < 1 / (1 + np.exp(-1.7 * at - 0.3))
    asked = np.round(np.linspace(-3.2, 3.2, 41), 2)
    isotonic = IsotonicRegression(out_of_bounds="clip").fit(at, happened)
    second = np.round(random.normal(0, 1, 150) + 0.5 * happened, 2)
    features = np.stack([at, second], axis=1)
    logistic = LogisticRegression(C=1.0, tol=1e-12, max_iter=10000).fit(features, happened)
    platt = LogisticRegression(C=1.0, tol=1e-12, max_iter=10000).fit(at[:, None], happened)
    # Overconfident, and no two alike.
    confidence = np.round(0.05 + 0.9 * (np.arange(150) + random.random(150)) / 150, 5)
    right = random.random(150) < confidence**2
    assert len(set(confidence)) == 150
    error = binary_calibration_error(torch.tensor(confidence), torch.tensor(right.astype(int)), n_bins=15, norm="l1")
    true_share, mean_confidence = calibration_curve(right, confidence, n_bins=15, strategy="quantile")
    wilson = []
    for successes, trials in ((0, 7), (3, 3), (41, 50), (999, 1000)):
        interval = scipy.stats.binomtest(successes, trials).proportion_ci(method="wilson")
        wilson.append([successes, trials, interval.low, interval.high])
    return {
        "at": at,
        "second": second,
        "happened": happened.astype(int),
        "asked": asked,
        "isotonic": isotonic.predict(asked),
        "platt": [*platt.intercept_, *platt.coef_[0]],
        "logistic": [*logistic.intercept_, *logistic.coef_[0]],
        "auroc": roc_auc_score(happened, at),
        "confidence": confidence,
        "right": right.astype(int),
        "expected_error_equal_width": float(error),
        "expected_error_equal_mass": np.abs(true_share - mean_confidence).mean(),
        "wilson": wilson,
    }


write("metrics.json", metric_cases())
write("calibration.json", calibration_cases())
