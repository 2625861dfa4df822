/** Chance from a seed: one stream of numbers for each run, by the seed, what is run, and the number of the run. */

export interface Random {
  /** Uniform in [0, 1), 53 bits. */
  next(): number;
  /** Standard normal. */
  normal(): number;
}

/**
 * Blackman and Vigna's xoshiro128++, its state filled by splitmix32 from a hash of all arguments: what one run
 * draws does not depend on how much others drew, so that any run can be repeated alone.
 */
export function createRandom(seed: number, stream: string, run: number): Random {
  const mix = splitmix32(hash(`${seed}/${stream}/${run}`));
  let [a, b, c, d] = [mix(), mix(), mix(), mix()] as [number, number, number, number];

  function word(): number {
    const sum = (a + d) | 0;
    const result = (rotate(sum, 7) + a) >>> 0;
    const moved = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= moved;
    d = rotate(d, 11);
    return result;
  }

  function next(): number {
    return ((word() >>> 5) * 2 ** 26 + (word() >>> 6)) / 2 ** 53;
  }

  return {
    next,
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  };
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

function splitmix32(start: number): () => number {
  let state = start | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) | 0;
  };
}

/** FNV-1a over the UTF-16 units. */
function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
  return sum;
}
