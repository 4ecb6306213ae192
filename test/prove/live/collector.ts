import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { exposition, type OtlpExport } from './exposition';

/** Stands in for a collector: takes the metrics that the apps send by OTLP (http/json), and shows them to Prometheus. */
export class Collector {
  /** The latest export of each process, and when it came. */
  private readonly latest = new Map<string, { readonly at: number; readonly sent: OtlpExport }>();
  /** Exports that came, and what was wrong with those that could not be read. */
  received = 0;
  readonly troubles: string[] = [];

  private constructor(
    private readonly server: Server,
    private readonly forgetAfterMs: number,
  ) {}

  /** @param forgetAfterMs a process that has sent nothing for so long is gone, and its series with it */
  static async start(forgetAfterMs: number): Promise<Collector> {
    const server = createServer();
    const collector = new Collector(server, forgetAfterMs);
    server.on('request', (request, response) => {
      collector.answer(request, response).catch((error: unknown) => {
        collector.troubles.push(String(error));
        response.writeHead(500).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return collector;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** What the apps need to send here. @param everyMs how often */
  settings(everyMs: number): Record<string, string> {
    return {
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `http://127.0.0.1:${this.port}/v1/metrics`,
      OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/json',
      OTEL_METRIC_EXPORT_INTERVAL: String(everyMs),
      OTEL_METRIC_EXPORT_TIMEOUT: String(everyMs - 100),
    };
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'POST' && request.url === '/v1/metrics') {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
      const sent = JSON.parse(text.toString('utf8')) as OtlpExport;
      this.latest.set(senderOf(sent), { at: performance.now(), sent });
      this.received += 1;
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      return;
    }
    if (request.method === 'GET' && request.url === '/metrics') {
      const living = [...this.latest.values()].filter(({ at }) => performance.now() - at < this.forgetAfterMs);
      response
        .writeHead(200, { 'content-type': 'text/plain; version=0.0.4' })
        .end(exposition(living.map(({ sent }) => sent)));
      return;
    }
    response.writeHead(404).end();
  }
}

function senderOf({ resourceMetrics }: OtlpExport): string {
  const [instance] = resourceMetrics.flatMap(({ resource }) =>
    (resource?.attributes ?? []).filter(({ key }) => key === 'service.instance.id'),
  );
  if (instance?.value.stringValue === undefined) throw new Error('an export does not say which process sends it');
  return instance.value.stringValue;
}
