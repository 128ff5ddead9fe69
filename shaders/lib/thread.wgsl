// The index of a thread where one dimension of workgroups is folded into two.
// bindings none; grid none
// knobs none
// saved/aliasing: pure function
// source: own; a dimension holds at most 65,535 workgroups

fn thread(id: vec3u, groups: vec3u, group_size: u32) -> u32 {
  return id.y * groups.x * group_size + id.x;
}
