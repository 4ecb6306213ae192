import type { Socket } from 'node:net';
import { WebSocket, type ClientOptions } from 'ws';
import type { IntegrationBody } from './caller';
import { eventually } from './eventually';

/** A message of live status, but for the first one. */
export interface LiveBody {
  readonly seq: number;
  readonly at: string;
  readonly name: string;
  readonly provider: string | null;
  readonly integration: IntegrationBody | null;
}

/** What is sent to open a socket. */
export interface LiveOrder {
  readonly after?: number | string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly protocols?: readonly string[];
  readonly options?: ClientOptions;
}

/** The HTTP answer that came instead of a socket. */
export class LiveRefusal extends Error {
  constructor(
    readonly status: number,
    readonly headers: Readonly<Record<string, unknown>>,
    readonly text: string,
  ) {
    super(`refused with ${status}: ${text}`);
  }
}

const PATH = '/functions/v1/integrations/live';

/** A client of live status, with a socket of its own. */
export class LiveClient {
  /** Everything that came, in its order. */
  readonly heard: (LiveBody | { readonly name: 'ready'; readonly seq: number })[] = [];
  /** By which code it ended. */
  readonly closed: Promise<number>;
  private isClosed = false;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data: Buffer) => this.heard.push(JSON.parse(data.toString()) as LiveBody));
    socket.on('error', () => undefined); // its close follows
    this.closed = new Promise((resolve) =>
      socket.once('close', (code) => {
        this.isClosed = true;
        resolve(code);
      }),
    );
  }

  /** @param base where the gateway is, as `http:` @throws LiveRefusal if another answer comes than a socket */
  static async open(
    base: string,
    { after, headers = {}, protocols = [], options = {} }: LiveOrder,
  ): Promise<LiveClient> {
    const url = `${base.replace('http', 'ws')}${PATH}${after === undefined ? '' : `?after=${after}`}`;
    const socket = new WebSocket(url, [...protocols], { headers, ...options });
    const client = new LiveClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
      socket.once('unexpected-response', (request, response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => (text += part));
        response.on('end', () => {
          reject(new LiveRefusal(response.statusCode ?? 0, response.headers, text));
          request.destroy();
        });
      });
    });
    return client;
  }

  /** Where it stood when it began; waits for that. */
  async ready(): Promise<number> {
    const [first] = await eventually('the first message', () => Promise.resolve(this.heard.length > 0 && this.heard));
    if (first?.name !== 'ready') throw new Error(`the first message was ${JSON.stringify(first)}`);
    return first.seq;
  }

  /** The events that came. */
  get events(): LiveBody[] {
    return this.heard.filter((message): message is LiveBody => message.name !== 'ready');
  }

  /** The last `seq` that it has, to come back with. */
  get lastSeq(): number {
    return this.heard.at(-1)?.seq ?? 0;
  }

  /** Waits for an event. */
  async event(name: string, where: (event: LiveBody) => boolean = () => true, withinMs = 30_000): Promise<LiveBody> {
    return eventually(
      `the event ${name} on the socket`,
      () => {
        const found = this.events.find((event) => event.name === name && where(event));
        if (!found && this.isClosed) throw new Error(`the socket ended before ${name} came`);
        return Promise.resolve(found);
      },
      { withinMs },
    );
  }

  /** Reads nothing more, as a machine that is busy with something else; or goes on. */
  setReading(isReading: boolean): void {
    const line = (this.socket as unknown as { _socket: Socket })._socket;
    if (isReading) line.resume();
    else line.pause();
  }

  /** Breaks the line. */
  break(): void {
    this.socket.terminate();
  }

  async close(): Promise<number> {
    this.socket.close(1000);
    return this.closed;
  }
}
