"""Goes on with a training run of Tabtrain in PyTorch: same weights, moments, data order, schedule and clipping.

    @LAUNCH@ continue_torch.py [--steps N]

@PLAN@
Needs torch 2.6 or newer. Trains on GPUs where there are some, else on the processor. It begins at the newest checkpoint
in checkpoint/ beside this file, appends each step to torch_metrics.jsonl and writes its state to torch_checkpoint/ at
the end (torch.distributed.checkpoint; `python -m torch.distributed.checkpoint.format_utils dcp_to_torch torch_checkpoint
state.pt` makes one file of it). Written by `npm run continue`; change it as you like.
"""
import argparse
import json
import math
import os
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn as nn
import torch.nn.functional as F
import torch.distributed.checkpoint as dcp
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor
#? fsdp
from torch.distributed.fsdp import fully_shard
#?
#? tp
from torch.distributed.tensor import Replicate
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
#?
#? pp
from torch.distributed.pipelining import PipelineStage, @SCHEDULE@
#?
#? recompute
from torch.utils.checkpoint import checkpoint
#?

HERE = Path(__file__).resolve().parent
MODEL = @MODEL@
TRAIN = @TRAIN@
PLAN = @PLANDATA@
ORDER = @ORDER@
# of torch_tokens.bin, those that samples are drawn from
TOKENS = @TOKENS@
# samples of the global batch by data-parallel rank
SHARES = @SHARES@
# first and last unit of every pipeline stage; units are embed, block0, block1, ..., head
STAGES = @STAGES@
# the pipeline rank of every stage
STAGE_RANKS = @STAGERANKS@
UNITS = ['embed', *(f'block{i}' for i in range(MODEL['layers'])), 'head']
CONTEXT, BATCH, EPS = MODEL['context'], TRAIN['globalBatch'], MODEL.get('normEps', 1e-5)
HEAD = MODEL.get('headSize', MODEL['dim'] // MODEL['heads'])


# ---- data: sample i of step s is a pure function of (seed, s, i), so every plan sees the same batches

def mix(h):
    """The finalizer of murmur3."""
    h = ((h ^ h >> 16) * 0x85ebca6b) & 0xffffffff
    h = ((h ^ h >> 13) * 0xc2b2ae35) & 0xffffffff
    return h ^ h >> 16


def uniform(*counters):
    """A number in [0, 1) that depends on the counters only."""
    h = 0x9e3779b9
    for counter in counters:
        h = mix((h * 0x85ebca77 & 0xffffffff) ^ mix(counter + 0x9e3779b9 & 0xffffffff))
    return h / 2 ** 32


def start_of(step, sample):
    """First token of a sample, which is CONTEXT + 1 tokens long."""
    if ORDER == 'sequential':
        return (step * BATCH + sample) % ((TOKENS - 1) // CONTEXT) * CONTEXT
    return int(uniform(TRAIN['seed'], step, sample) * (TOKENS - CONTEXT))


def parts(count, number, first):
    """`count` items from `first` as contiguous ranges, the first ones longer by one where they must be."""
    ranges = []
    for part in range(number):
        size = count // number + (part < count % number)
        ranges.append(range(first, first + size))
        first += size
    return ranges


def microbatches(text, step, d):
    """The microbatches of data-parallel rank `d`: (tokens, targets), both [samples, CONTEXT]."""
    for samples in parts(SHARES[d], PLAN['microbatches'], sum(SHARES[:d])):
        starts = [start_of(step, sample) for sample in samples]
        rows = torch.stack([text[at:at + CONTEXT + 1] for at in starts]).long().to(DEVICE)
        yield rows[:, :-1], rows[:, 1:]


def learning_rate(step):
    if step < TRAIN['warmupSteps']:
        return TRAIN['lr'] * (step + 1) / TRAIN['warmupSteps']
    if TRAIN['schedule'] == 'constant':
        return TRAIN['lr']
    done = min(1, (step - TRAIN['warmupSteps']) / max(1, TRAIN['steps'] - TRAIN['warmupSteps']))
    return TRAIN['minLr'] + (TRAIN['lr'] - TRAIN['minLr']) * (1 + math.cos(math.pi * done)) / 2


# ---- the state: every rank of Tabtrain wrote a share; `slices` says which elements of a parameter it has

def newest_checkpoint():
    folders = sorted(path.parent for path in (HERE / 'checkpoint').glob('step-*/checkpoint.json'))
    if not folders:
        raise SystemExit(f'{HERE}/checkpoint has no checkpoint')
    return folders[-1]


def read_state(folder):
    """{'param' | 'mean' | 'square': {'unit/parameter': flat float32 tensor}} of the whole model."""
    pieces = {}
    for path in sorted(folder.glob('rank-*.safetensors')):
        data = path.read_bytes()
        length = int.from_bytes(data[:8], 'little')
        header = json.loads(data[8:8 + length])
        slices = json.loads(header.pop('__metadata__')['slices'])
        for name, entry in header.items():
            begin, end = entry['data_offsets']
            values = torch.frombuffer(bytearray(data[8 + length + begin:8 + length + end]), dtype=torch.float32)
            pieces.setdefault(name, []).append((slices[name], values))
    state = {'param': {}, 'mean': {}, 'square': {}}
    for name, parts in pieces.items():
        kind, _, parameter = name.partition('/')
        length = max(at + (times - 1) * stride + size for runs, _ in parts for at, size, stride, times in runs)
        if length != sum(values.numel() for _, values in parts):
            raise SystemExit(f'{folder} lacks elements of {name}')
        whole = torch.empty(length)
        for runs, values in parts:
            for at, size, stride, times in runs:
                for i in range(times):
                    whole[at + i * stride:at + i * stride + size] = values[:size]
                    values = values[size:]
        state[kind][parameter] = whole
    return state


