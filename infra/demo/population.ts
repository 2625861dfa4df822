/** The users behind the demo's load: who makes the next request. Pure, and the same for the same seed. */

/** Users of each service. */
export const POPULATION = 3_000;

/**
 * A function that names the next visitor. Everybody comes once a round, each round in a new random order: any stretch
 * of requests is a fair sample of the users, and no sample strays further than independent draws would.
 */
export function visits(seed: number, population = POPULATION): () => string {
  const random = xorshift32(seed);
  const order = Array.from({ length: population }, (_, index) => index);
  let next = population;
  return () => {
    if (next === population) {
      shuffle(order, random);
      next = 0;
    }
    const user = order[next];
    next += 1;
    return `user-${user}`;
  };
}

/** Fisher and Yates: every order equally likely. */
function shuffle(order: number[], random: () => number): void {
  for (let last = order.length - 1; last > 0; last -= 1) {
    const chosen = Math.floor(random() * (last + 1));
    const kept = order[last] ?? 0;
    order[last] = order[chosen] ?? 0;
    order[chosen] = kept;
  }
}

/** Numbers from 0 (inclusive) to 1 (exclusive). G. Marsaglia, "Xorshift RNGs", 2003: the triple 13, 17, 5. */
function xorshift32(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
