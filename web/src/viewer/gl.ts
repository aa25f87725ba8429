/** Draws tiles of amplitudes with WebGL 2: amplitudes stay f32 textures, the shader looks their colours up. */

import type { Amplitudes } from '../api/client';
import { LEVELS } from './colours';
import type { Drawn, Painter, Paint } from './painter';
import { texelsOf } from './painter';

const VERTEX = `#version 300 es
uniform vec4 u_screen;
uniform vec4 u_texels;
out vec2 v_texel;
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  v_texel = mix(u_texels.xy, u_texels.zw, corner);
  gl_Position = vec4(mix(u_screen.xy, u_screen.zw, corner), 0.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
precision highp int;
uniform highp sampler2D u_amplitudes;
uniform sampler2D u_colours;
uniform float u_gain;
uniform bool u_smooth;
uniform vec2 u_footprint; // texels a screen pixel covers
in vec2 v_texel;
out vec4 colour;

float amplitude(ivec2 texel) {
  return texelFetch(u_amplitudes, clamp(texel, ivec2(0), textureSize(u_amplitudes, 0) - 1), 0).r;
}

float between(vec2 texel) {
  vec2 centre = texel - 0.5;
  ivec2 low = ivec2(floor(centre));
  vec2 share = centre - vec2(low);
  return mix(
    mix(amplitude(low), amplitude(low + ivec2(1, 0)), share.x),
    mix(amplitude(low + ivec2(0, 1)), amplitude(low + ivec2(1, 1)), share.x), share.y);
}

void main() {
  // Where a pixel covers several samples their mean is shown: one of them alone would alias.
  ivec2 taps = clamp(ivec2(ceil(u_footprint - 0.01)), ivec2(1), ivec2(8));
  bool enlarged = taps == ivec2(1);
  float sum = 0.0;
  for (int y = 0; y < taps.y; y++) {
    for (int x = 0; x < taps.x; x++) {
      vec2 offset = ((vec2(x, y) + 0.5) / vec2(taps) - 0.5) * u_footprint;
      vec2 texel = enlarged ? v_texel : v_texel + offset;
      sum += u_smooth && (taps.x == 1 || taps.y == 1) ? between(texel) : amplitude(ivec2(floor(texel)));
    }
  }
  float mean = sum / float(taps.x * taps.y);
  if (isnan(mean)) discard;
  int index = int(clamp(0.5 + mean * u_gain, 0.0, 1.0) * ${LEVELS - 1}.0 + 0.5);
  colour = vec4(texelFetch(u_colours, ivec2(index, 0), 0).rgb, 1.0);
}`;

const NAMES = ['u_screen', 'u_texels', 'u_amplitudes', 'u_colours', 'u_gain', 'u_smooth', 'u_footprint'] as const;
/** 128 MiB of tiles of 256 × 256. */
const KEPT_TEXTURES = 512;

interface Program {
  places: Record<(typeof NAMES)[number], WebGLUniformLocation | null>;
  colours: WebGLTexture;
}

/** Null where the browser has no WebGL 2. */
export function glPainter(canvas: HTMLCanvasElement, redraw: () => void): Painter | null {
  const gl = canvas.getContext('webgl2', { antialias: false, alpha: true, preserveDrawingBuffer: true });
  if (!gl) return null;
  let program: Program | null = null;
  const textures = new Map<Amplitudes, WebGLTexture>();

  const onLost = (event: Event): void => {
    event.preventDefault();
    program = null;
    textures.clear();
  };
  canvas.addEventListener('webglcontextlost', onLost);
  canvas.addEventListener('webglcontextrestored', redraw);

  function textureOf(content: Amplitudes): WebGLTexture {
    let texture = textures.get(content);
    if (texture) {
      // The order of a map is that of insertion: what was used last goes to its end.
      textures.delete(content);
    } else {
      texture = newTexture(gl!);
      gl!.texImage2D(gl!.TEXTURE_2D, 0, gl!.R32F, content.width, content.height, 0, gl!.RED, gl!.FLOAT, content.values);
    }
    textures.set(content, texture);
    return texture;
  }

  function forget(): void {
    for (const [content, texture] of textures) {
      if (textures.size <= KEPT_TEXTURES) return;
      gl!.deleteTexture(texture);
      textures.delete(content);
    }
  }

  return {
    name: 'WebGL 2',
    paint(drawn: Drawn[], paint: Paint): void {
      if (gl.isContextLost()) return;
      program ??= newProgram(gl);
      const { places, colours } = program;
      const [width, height] = [canvas.width, canvas.height];
      gl.viewport(0, 0, width, height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.activeTexture(gl.TEXTURE1);
      gl.bindTexture(gl.TEXTURE_2D, colours);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, LEVELS, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(paint.table.buffer));
      gl.activeTexture(gl.TEXTURE0);
      gl.uniform1f(places.u_gain, 1 / (2 * paint.clip));
      gl.uniform1i(places.u_smooth, paint.smooth ? 1 : 0);
      for (const tile of drawn) {
        gl.bindTexture(gl.TEXTURE_2D, textureOf(tile.content));
        const { x0, y0, x1, y1 } = tile.screen;
        gl.uniform4f(places.u_screen, (2 * x0) / width - 1, 1 - (2 * y0) / height, (2 * x1) / width - 1, 1 - (2 * y1) / height);
        const texels = texelsOf(tile);
        gl.uniform4f(places.u_texels, texels.x0, texels.y0, texels.x1, texels.y1);
        gl.uniform2f(places.u_footprint, (texels.x1 - texels.x0) / (x1 - x0), (texels.y1 - texels.y0) / (y1 - y0));
        gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
      }
      forget();
    },
    close(): void {
      canvas.removeEventListener('webglcontextlost', onLost);
      canvas.removeEventListener('webglcontextrestored', redraw);
      for (const texture of textures.values()) gl.deleteTexture(texture);
      textures.clear();
    },
  };
}

function newProgram(gl: WebGL2RenderingContext): Program {
  const program = gl.createProgram()!;
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
    const shader = gl.createShader(kind)!;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) {
      throw new Error(`The section's shader does not compile: ${gl.getShaderInfoLog(shader)}`);
    }
  }
  gl.linkProgram(program);
  gl.useProgram(program);
  const places = Object.fromEntries(NAMES.map((name) => [name, gl.getUniformLocation(program, name)])) as Program['places'];
  gl.uniform1i(places.u_amplitudes, 0);
  gl.uniform1i(places.u_colours, 1);
  gl.bindVertexArray(gl.createVertexArray());
  gl.activeTexture(gl.TEXTURE1);
  const colours = newTexture(gl);
  return { places, colours };
}

function newTexture(gl: WebGL2RenderingContext): WebGLTexture {
  const texture = gl.createTexture()!;
  gl.bindTexture(gl.TEXTURE_2D, texture);
  for (const [name, value] of [
    [gl.TEXTURE_MIN_FILTER, gl.NEAREST], [gl.TEXTURE_MAG_FILTER, gl.NEAREST],
    [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
  ] as const) gl.texParameteri(gl.TEXTURE_2D, name, value);
  return texture;
}
