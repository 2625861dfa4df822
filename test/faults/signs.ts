/** Lines by which what is loaded into a daemon says that a fault began or ended. */

export const FULL = 'the disk is full';
export const ROOM = 'the disk has room';
export const MOVED = 'the clocks were moved';

/** How far clocks are from the real ones. */
export interface Ahead {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** Names the file that holds an `Ahead` as JSON. */
export const CLOCKS_VARIABLE = 'TEST_CLOCKS';
