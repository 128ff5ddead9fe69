def local(tensor):
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def copies(parameter):
    """How many ranks of this stage hold the same elements."""
    count = PLAN['dp'] * PLAN['tp']
    if isinstance(parameter, DTensor):
        for axis, placement in enumerate(parameter.placements):
            if not placement.is_replicate():
                count //= parameter.device_mesh.size(axis)
    return count


def world_sum(value):
    total = torch.as_tensor(value, dtype=torch.float64, device=DEVICE).clone()
    dist.all_reduce(total)
    return total.item()


def loss_of(logits, targets):
    """Summed over this rank's tokens, divided once by those of the global batch."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction='sum') / (BATCH * CONTEXT)


def train(steps, text, folder):
    state = read_state(folder)
    first = json.loads((folder / 'checkpoint.json').read_text())['step']
    mesh = init_device_mesh(DEVICE.type, (PLAN['dp'], PLAN['pp'], PLAN['tp']), mesh_dim_names=('dp', 'pp', 'tp'))
    d, p = mesh.get_local_rank('dp'), mesh.get_local_rank('pp')
    mine = [stage for stage, rank in enumerate(STAGE_RANKS) if rank == p]
    kinds = {kind: [build(values, STAGES[stage], mesh) for stage in mine] for kind, values in state.items()}
    stages = kinds['param']
    #? tiedpp
    ends = [stage.units[unit] for unit in ('embed', 'head') for stage in stages if unit in stage.units]
    tables = [end.wte.weight if isinstance(end, Embed) else end.out.weight for end in ends]
    # one group for each pair of ranks that hold the table; every rank must make all of them
    tie, lasts = None, [STAGE_RANKS[0], STAGE_RANKS[-1]]
    for line in mesh.mesh.movedim(1, -1).flatten(0, 1):
        group = dist.new_group([line[rank].item() for rank in sorted(set(lasts))])
        if dist.get_rank() in line.tolist() and tables:
            tie = group
    copied = {tables[-1]} if tables and (len(tables) == 2 or isinstance(ends[0], Head)) else set()
    #?
    parameters, moments = [], {}
    for i, stage in enumerate(stages):
        parts = zip(*(kinds[kind][i].named_parameters() for kind in ('param', 'mean', 'square')))
        for (name, parameter), (_, mean), (_, square) in parts:
            parameters.append((name, parameter))
            moments[parameter] = (mean.detach().clone(), square.detach().clone())
    del kinds, state
    decayed = [parameter for _, parameter in parameters if parameter.dim() >= 2]
    others = [parameter for _, parameter in parameters if parameter.dim() < 2]
    groups = [dict(params=decayed, weight_decay=TRAIN['weightDecay']), dict(params=others, weight_decay=0.0)]
    optimizer = torch.optim.AdamW([g for g in groups if g['params']], lr=1.0, betas=TRAIN['betas'], eps=TRAIN['eps'], foreach=False)
    for parameter, (mean, square) in moments.items():
        optimizer.state[parameter] = dict(step=torch.tensor(float(first)), exp_avg=mean, exp_avg_sq=square)
    #? ddp
    model = nn.parallel.DistributedDataParallel(stages[0], process_group=mesh.get_group('dp'))
    #?
    #? model
    model = stages[0]
    #?
    #? pp
    pipes = [PipelineStage(stage, at, len(STAGES), DEVICE, group=mesh.get_group('pp')) for stage, at in zip(stages, mine)]
    schedule = @SCHEDULE@(@PIPES@, PLAN['microbatches'], loss_fn=@LOSS@, scale_grads=False)
    #?

    for step in range(first, steps):
        total = torch.zeros((), dtype=torch.float64, device=DEVICE)
        batches = list(microbatches(text, step, d))
        #? loop
        for i, (tokens, targets) in enumerate(batches):
            last = i + 1 == len(batches)
            #? fsdp
            # ZeRO-1 sums gradients once a step, ZeRO-2 and 3 after every microbatch
            model.set_requires_gradient_sync(last or PLAN['zero'] >= 2)
            #?
            #? ddp
            model.require_backward_grad_sync = last
            #?
            loss = loss_of(model(tokens), targets)
            total += loss.detach()
            @BACKWARD@
        #?
        #? pp
        tokens, targets = (torch.cat(parts) for parts in zip(*batches))
        losses = []
        schedule.step(
            *([tokens] if 0 in mine else []),
            **(dict(target=targets, losses=losses) if len(STAGES) - 1 in mine else {}),
        )
        for loss in losses:
            total += loss.detach()@UNSCALE@
        #?
        #? tp
        # DTensor may leave a gradient in another layout than its parameter's
        for _, parameter in parameters:
            if isinstance(parameter, DTensor):
                parameter.grad = parameter.grad.redistribute(placements=parameter.placements)
        #?
        #? sum
        for _, parameter in parameters:
            dist.all_reduce(local(parameter.grad), group=mesh.get_group('dp'))
        #?
        #? tiedpp
        if tables:
            tied = sum(local(table.grad) for table in tables)
            dist.all_reduce(tied, group=tie)
            for table in tables:
                local(table.grad).copy_(tied)
        #?
        square = torch.zeros((), dtype=torch.float64, device=DEVICE)
        for _, parameter in parameters:
            #? tiedpp
            # the copy of the table on the last stage is counted on the first
            if parameter in copied:
                continue
            #?
            square += local(parameter.grad).double().square().sum() / copies(parameter)
        norm = math.sqrt(world_sum(square))
        if TRAIN['gradClip'] > 0:
            for _, parameter in parameters:
                local(parameter.grad).mul_(min(1.0, TRAIN['gradClip'] / (norm + 1e-6)))
        for group in optimizer.param_groups:
            group['lr'] = learning_rate(step)
        optimizer.step()
        optimizer.zero_grad()
        row = dict(step=step, loss=world_sum(total) / PLAN['tp'], gradNorm=norm, lr=learning_rate(step))
        if dist.get_rank() == 0:
            print(json.dumps(row), flush=True)
            with open(HERE / 'torch_metrics.jsonl', 'a') as file:
                file.write(json.dumps(row) + '\n')

    after = {}
    for name, parameter in parameters:
        #? tiedpp
        if parameter in copied:
            continue
        #?
        held = optimizer.state[parameter]
        after.update({f'param/{name}': parameter.detach(), f'mean/{name}': held['exp_avg'], f'square/{name}': held['exp_avg_sq']})
    dcp.save({**after, 'step': torch.tensor(steps)}, checkpoint_id=str(HERE / 'torch_checkpoint'))


if __name__ == '__main__':
    options = argparse.ArgumentParser(description='Goes on with a training run of Tabtrain.')
    options.add_argument('--steps', type=int, default=TRAIN['steps'], help='last step of the run, %(default)s by default')
    TRAIN['steps'] = options.parse_args().steps
    ranks, needed = int(os.environ.get('WORLD_SIZE', 1)), PLAN['dp'] * PLAN['pp'] * PLAN['tp']
    if ranks != needed:
        raise SystemExit(f'the plan has {needed} ranks, and {ranks} were started: torchrun --nproc-per-node {needed} {Path(__file__).name}')
    DEVICE = torch.device('cuda', int(os.environ.get('LOCAL_RANK', 0))) if torch.cuda.is_available() else torch.device('cpu')
    if DEVICE.type == 'cuda':
        torch.cuda.set_device(DEVICE)
    dist.init_process_group('nccl' if DEVICE.type == 'cuda' else 'gloo')
    numbers = torch.frombuffer(bytearray((HERE / 'torch_tokens.bin').read_bytes()), dtype=torch.@TOKENTYPE@)
    train(TRAIN['steps'], numbers.to(torch.int32), newest_checkpoint())
    dist.destroy_process_group()
