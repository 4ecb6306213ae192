import type { HubDatabase } from '@hub/database';
import { cloneDatabase, type OwnDatabase } from '../../../../test/support/database';
import { eventually } from '../../../../test/support/eventually';
import type { HubReply } from '../http/hub-request';
import { HealthController } from './health.controller';

describe('whether the gateway is ready', () => {
  let database: OwnDatabase;
  let door: HubDatabase;
  beforeEach(async () => {
    database = await cloneDatabase();
    door = await database.as('gateway');
  });
  afterEach(() => database.drop());

  /** Asks as a probe. @returns status and word */
  async function asks(health: HealthController): Promise<[number, string]> {
    let status = 200;
    const reply = { status: (given: number) => (status = given) } as unknown as HubReply;
    const { status: word } = await health.ready(reply);
    return [status, word];
  }

  it('costs the database one question, however many ask at once', async () => {
    const asked = jest.spyOn(door, 'asSystem');
    const health = new HealthController(door);
    const answers = await Promise.all(Array.from({ length: 500 }, () => asks(health)));
    expect(new Set(answers.map(([status]) => status))).toEqual(new Set([200]));
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it('is told anew soon after the database has gone or come back', async () => {
    const health = new HealthController(door);
    expect(await asks(health)).toEqual([200, 'ready']);
    await database.setAway(true);
    await eventually('the gateway not to be ready', async () => (await asks(health))[0] === 503 || undefined);
    await database.setAway(false);
    await eventually('the gateway to be ready', async () => (await asks(health))[0] === 200 || undefined);
  });

  it('is not told of the database once it is being stopped', async () => {
    const health = new HealthController(door);
    expect(await asks(health)).toEqual([200, 'ready']);
    health.beforeApplicationShutdown();
    expect(await asks(health)).toEqual([503, 'draining']);
  });
});
