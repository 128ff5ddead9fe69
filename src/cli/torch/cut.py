class Stage(nn.Module):
    """Consecutive units of the model; without a pipeline all of them."""

    def __init__(self, first, last, state):
        super().__init__()
        kind = {'embed': Embed, 'head': Head}
        self.units = nn.ModuleDict({name: kind.get(name, Block)() for name in UNITS[first:last + 1]})
        #? tied
        self.tie()
        #?
        for name, unit in self.units.items():
            self.fill(name, unit, state)

    #? tied
    def tie(self):
        """The head reads the token table, where both are in one stage."""
        if 'embed' in self.units and 'head' in self.units:
            self.units['head'].out.weight = self.units['embed'].wte.weight

    #?
    def fill(self, name, unit, state):
        targets = dict(unit.named_parameters(remove_duplicate=False))
        for parameter, names in NAMES.items():
            key = f'{name}/{parameter}'
            #? tied
            # a stage without the embedding has a copy of its table
            key = 'embed/wte' if key == 'head/head.w' else key
            #?
            if names[0] not in targets:
                continue
            sizes = [targets[one].shape[0] for one in names]
            flat = state[key]
            whole = flat.view(-1, sum(sizes)).T if parameter in TRANSPOSED else flat.view(sum(sizes), *targets[names[0]].shape[1:])
            for one, part in zip(names, whole.split(sizes)):
                targets[one].data.copy_(part)

    def forward(self, x):
        for name, unit in self.units.items():
            #? recompute
            if name.startswith('block'):
                x = checkpoint(unit, x, use_reentrant=False)
                continue
            #?
            x = unit(x)
        return x


# ---- the cut over ranks; parameters and both moments are cut by the same calls

#? tp
def cut_tensors(stage, mesh):
    """Tensor parallel: Megatron's columns and rows inside a block, the token table by rows."""
    for name, unit in stage.units.items():
        if name == 'embed':
            split = {'wte': RowwiseParallel(input_layouts=Replicate())}
        elif name == 'head':
            split = {'out': ColwiseParallel(output_layouts=Replicate())}
        else:
            split = {**{part: ColwiseParallel() for part in COLUMNS}, **{part: RowwiseParallel() for part in ROWS}}
        parallelize_module(unit, mesh, split)
    #? tied
    stage.tie()
    #?


#?
#? fsdp
def cut_shards(stage, mesh):
    """ZeRO by FSDP2: shards of parameters, gradients and moments. ZeRO-3 frees gathered parameters after use."""
    frees = PLAN['zero'] == 3 and PLAN['pp'] == 1
    for name, unit in stage.units.items():
        #? tied
        # one group has both ends of the tied table
        if not name.startswith('block'):
            continue
        #?
        fully_shard(unit, mesh=mesh, reshard_after_forward=frees)
    fully_shard(stage, mesh=mesh, reshard_after_forward=frees)


#?
def build(state, span, mesh):
    stage = Stage(*span, state).to(DEVICE)
    #? tp
    cut_tensors(stage, mesh['tp'])
    #?
    #? fsdp
    cut_shards(stage, mesh['dp'])
    #?
    return stage


