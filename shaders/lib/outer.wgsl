// The register tile of every matrix product here: c + x y^T on 4 x 4 values.
// bindings none; grid none
// knobs none
// saved/aliasing: pure functions
// source: Volkov and Demmel 2008 (register tiles)

// Column i of the result is c[i] + x[i] * y.
fn outer(c: mat4x4f, x: vec4f, y: vec4f) -> mat4x4f {
  return mat4x4f(
    fma(vec4f(x.x), y, c[0]),
    fma(vec4f(x.y), y, c[1]),
    fma(vec4f(x.z), y, c[2]),
    fma(vec4f(x.w), y, c[3]),
  );
}
