import { describe, expect, test } from 'vitest';
import type { PublishedEvent } from '../../infra/dev-nacos/parts.ts';
import type { EventView } from '../../src/view/schemas.ts';
import { dataIdOf, FIRST_REVISION } from './declaration.ts';
import { createFleet, type Truth } from './fleet.ts';
import { SHORT_PACE } from './pace.ts';
import { createWitness } from './witness.ts';

const { bakeMs } = SHORT_PACE;

function aWitness(truth: Truth) {
  const fleet = createFleet(['shop'], FIRST_REVISION);
  fleet.deploy('shop', 'v2', truth);
  let tell: (event: PublishedEvent) => void = () => {};
  const nacos = {
    onPublish(listener: (event: PublishedEvent) => void) {
      tell = listener;
      return () => {};
    },
  };
  const witness = createWitness({ nacos, fleet, tally: {} }, SHORT_PACE);
  return {
    witness,
    write(canaryWeight: number, at: number, more: { by?: 'operator'; promoted?: boolean } = {}) {
      const { by = 'http', promoted = false } = more;
      const condition = { canaryVersion: 'v2', canaryWeight, stableVersion: FIRST_REVISION };
      const managedBy = { controller: 'ours', rolloutId: 'shop-1', promoted };
      const content = JSON.stringify({ rules: [{ type: 'weight', condition }], managedBy });
      tell({
        dataId: dataIdOf('shop'),
        group: 'CANARY_GROUP',
        tenant: '',
        content,
        md5: '',
        isBeta: false,
        by,
        at,
      });
    },
  };
}

function anEvent(id: number, part: Partial<EventView> = {}): EventView {
  return {
    id,
    at: '2026-01-01T00:00:00.000Z',
    canary: 'shop',
    rolloutId: 'shop-1',
    type: 'StepStarted',
    message: '',
    causedBy: null,
    actor: null,
    facts: {},
    explained: false,
    ...part,
  };
}

function end(id: number, outcome: string): EventView {
  return anEvent(id, { type: 'RolloutEnded', facts: { outcome, revision: 'v2' } });
}

describe('the witness of writes', () => {
  test('lets a good revision go step by step, each after its bake', () => {
    const { witness, write } = aWitness('good');
    write(10, 0);
    write(50, bakeMs);
    write(100, 2 * bakeMs);
    write(100, 3 * bakeMs, { promoted: true });
    expect(witness.violations).toEqual([]);
  });

  test('sees a step that is left out', () => {
    const { witness, write } = aWitness('good');
    write(10, 0);
    write(100, bakeMs);
    expect(witness.violations.join()).toContain('more than one step');
  });

  test('sees a step that is taken from a weight that somebody else set', () => {
    const { witness, write } = aWitness('good');
    write(10, 0);
    write(50, bakeMs, { by: 'operator' });
    write(100, 2 * bakeMs);
    expect(witness.violations.join()).toContain('more than one step');
  });

  test('sees a bake that is cut short', () => {
    const { witness, write } = aWitness('good');
    write(10, 0);
    write(50, bakeMs - 1);
    expect(witness.violations.join()).toContain('without its bake');
  });

  test.each([
    ['failing', [10, 50]],
    ['slow', [10, 50]],
    ['late', [10, 50, 100]],
  ] as const)('sees a %s revision rise above what its metrics allow', (truth, weights) => {
    const { witness, write } = aWitness(truth);
    for (const [index, weight] of weights.entries()) write(weight, index * bakeMs);
    expect(witness.violations.join()).toContain('above what its metrics allow');
  });
});

describe('the witness of events', () => {
  test('sees a number that is missing, and one that comes again', () => {
    const { witness } = aWitness('good');
    witness.told([anEvent(1), anEvent(3), anEvent(3)]);
    expect(witness.violations).toEqual(['event 3 follows event 1', 'event 3 follows event 3']);
  });

  test.each([
    ['failing', 'Promoted'],
    ['late', 'Promoted'],
    ['good', 'RolledBack'],
  ] as const)('sees a %s revision that is %s', (truth, outcome) => {
    const { witness } = aWitness(truth);
    witness.told([end(1, outcome)]);
    expect(witness.violations).toHaveLength(1);
  });

  test('sees a rollout that ends twice', () => {
    const { witness } = aWitness('good');
    witness.told([end(1, 'Promoted'), end(2, 'Promoted')]);
    expect(witness.violations).toEqual(['shop-1 ended twice']);
  });
});
