import { z } from 'zod';
import { commonDefaults, commonSettings } from '../../../../libs/providers/src/sandbox/sandbox-provider.sandbox';
import { SettingsBook } from './settings-book';

const shape = commonSettings.extend({ plan: z.string() });

function setup() {
  return new SettingsBook({ ...commonDefaults, plan: 'Basic' }, (candidate) => shape.parse(candidate));
}

describe('knobs', () => {
  it('of one account stand over those of all', () => {
    const knobs = setup();
    knobs.change('acme', { plan: 'Plus' });
    knobs.change(undefined, { plan: 'Trial', codeSeconds: 5 });
    expect([knobs.for('acme').plan, knobs.for('acme').codeSeconds]).toEqual(['Plus', 5]);
    expect(knobs.for('other').plan).toBe('Trial');
    knobs.reset('acme');
    expect(knobs.for('acme').plan).toBe('Trial');
    knobs.reset();
    expect(knobs.for().plan).toBe('Basic');
  });

  it('stay as they are when one is unknown or bad', () => {
    const knobs = setup();
    expect(() => knobs.change(undefined, { plan: 'Plus', colour: 'red' })).toThrow();
    expect(() => knobs.change('acme', { codeSeconds: -1 })).toThrow();
    expect(knobs.for('acme')).toEqual({ ...commonDefaults, plan: 'Basic' });
  });
});
