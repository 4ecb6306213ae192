import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { HubError } from '@hub/domain';
import { Controller, Inject, Res } from '@nestjs/common';
import type { HubReply } from '../http/hub-request';
import type { RouteInput } from '../http/route';
import { Input, Route } from '../http/route.decorator';
import { ALL_ROUTES } from '../routes';
import { docsAsset, docsPage, openApiJson } from './openapi.routes';
import { openApiDocument, type Json } from './openapi-document';

/** The page's script: the only one of ours, since a strict policy allows none inside the page. */
const START_SCRIPT = `window.addEventListener('load', () => SwaggerUIBundle({ url: '/openapi.json', dom_id: '#docs', deepLinking: true, validatorUrl: null }));`;
const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css',
  'swagger-ui-bundle.js': 'text/javascript',
};
const DOCS_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

@Controller()
export class OpenApiController {
  private readonly document: Json;
  private readonly assets = path.dirname(createRequire(__filename).resolve('swagger-ui-dist/package.json'));

  constructor(@Inject(HUB_CONFIG) config: HubConfig) {
    this.document = openApiDocument(ALL_ROUTES, config.publicUrl);
  }

  @Route(openApiJson)
  json(): Json {
    return this.document;
  }

  @Route(docsPage)
  docs(@Res() reply: HubReply): void {
    void reply
      .headers({
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': DOCS_POLICY,
      })
      .send(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Integrations Hub: API</title><link rel="stylesheet" href="/docs/swagger-ui.css"></head><body><div id="docs"></div><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>',
      );
  }

  @Route(docsAsset)
  async asset(@Input() { params }: RouteInput<typeof docsAsset>, @Res() reply: HubReply): Promise<void> {
    const name = params['asset'] ?? '';
    const type = name === 'start.js' ? 'text/javascript' : Object.hasOwn(ASSETS, name) ? ASSETS[name] : undefined;
    if (type === undefined) throw new HubError('not_found', 'No such file.');
    const content = name === 'start.js' ? START_SCRIPT : await readFile(path.join(this.assets, name));
    void reply
      .headers({ 'content-type': `${type}; charset=utf-8`, 'cache-control': 'public, max-age=3600' })
      .send(content);
  }
}
