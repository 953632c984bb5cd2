"""Scaled dot-product attention on a CPU, forward and backward, in bfloat16 and in float32.

    python benchmarks/attention_formats.py --threads 2

The sizes are those of a small detector's decoder: 16 images, 100 queries, 4 heads of 24. See `models/cpu_attention.py`.
"""

import argparse

import torch
import torch.nn.functional as F
from timing import alternate, print_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)

    def run(dtype: torch.dtype):
        tensors = [torch.randn(16, 4, 100, 24, dtype=dtype, requires_grad=True) for _ in range(3)]
        cotangent = torch.randn(16, 4, 100, 24, dtype=dtype)
        return lambda: torch.autograd.grad(F.scaled_dot_product_attention(*tensors), tensors, cotangent)

    variants = {"bfloat16": run(torch.bfloat16), "float32": run(torch.float32)}
    print_table("attention, with backward", alternate(variants, options.rounds))


if __name__ == "__main__":
    main()
