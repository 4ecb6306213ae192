import { FLOW_LIFE_MS } from './flow';

test('a flow lives ten minutes', () => expect(FLOW_LIFE_MS).toBe(600_000));
