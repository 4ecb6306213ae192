import net, { type AddressInfo } from 'node:net';
import { launcher } from '../../support/launcher';
import { temporaryFolder } from '../../support/temporary-folder';

interface Ports {
  isFree(port: number, host?: string): Promise<boolean>;
  drawPort(taken?: Set<number>): Promise<number>;
}
interface StackPorts {
  choosePorts(given: object, kept: object, dataDir: string): Promise<Record<string, number>>;
  requireGatewayPort(settings: { HOST: string; PORT: string }): Promise<void>;
}

const folder = temporaryFolder();
const busy = net.createServer();
let ports: Ports;
let stack: StackPorts;
let busyPort: number;
beforeAll(async () => {
  ports = await launcher('ports');
  stack = await launcher('stack-ports');
  await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve));
  busyPort = (busy.address() as AddressInfo).port;
});
afterAll(() => busy.close());

const kept = { WORKER_HEALTH_PORTS: {} };

it('draws free ports from below the range that systems lend out', async () => {
  const port = await ports.drawPort();
  expect(port).toBeGreaterThanOrEqual(15_000);
  expect(port).toBeLessThan(32_768);
  expect(await ports.isFree(port)).toBe(true);
  expect(await ports.isFree(busyPort)).toBe(false);
});

it('gives every server and worker a port of its own', async () => {
  const chosen = Object.values(await stack.choosePorts({}, kept, folder()));
  expect(new Set(chosen).size).toBe(chosen.length);
});

it('takes the kept port again, unless somebody else has it now', async () => {
  const free = await ports.drawPort();
  expect(await stack.choosePorts({}, { ...kept, POSTGRES_PORT: free }, folder())).toMatchObject({ postgres: free });
  const { postgres } = await stack.choosePorts({}, { ...kept, POSTGRES_PORT: busyPort }, folder());
  expect(postgres).not.toBe(busyPort);
});

it('takes a given port or none', async () => {
  await expect(stack.choosePorts({ REDIS_PORT: String(busyPort) }, kept, folder())).rejects.toThrow(
    `Port ${busyPort} for redis (REDIS_PORT) is in use: stop what listens there, or set REDIS_PORT to a free port.`,
  );
  await expect(stack.choosePorts({ SANDBOX_PORT: 'high' }, kept, folder())).rejects.toThrow('SANDBOX_PORT is "high"');
});

it('says which port the gateway cannot have, and how to take another', async () => {
  await expect(stack.requireGatewayPort({ HOST: '127.0.0.1', PORT: String(busyPort) })).rejects.toThrow(
    `Port ${busyPort} is in use: stop what listens there, or take another one with PORT=${busyPort + 1} npm start.`,
  );
});
