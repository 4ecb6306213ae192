import path from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { accessibilityFaults } from './accessibility';
import { anAddress, type Caller } from './caller';
import type { Stack } from './stack';

/** How somebody looks at pages. */
export interface VisitorOptions {
  readonly colourScheme?: 'light' | 'dark';
  readonly viewport?: { readonly width: number; readonly height: number };
}

const WIDE = { width: 1280, height: 800 };
/** As narrow as WCAG 2.2 asks a page to be usable without scrolling sideways (1.4.10). */
const NARROW = { width: 320, height: 640 };
const LOOKS = [
  { look: 'wide and light', viewport: WIDE, colorScheme: 'light' },
  { look: 'narrow and dark', viewport: NARROW, colorScheme: 'dark' },
] as const;
const NAME_LENGTH = 120;
/** A busy machine is slow; what is not there by then never comes. */
const PATIENCE_MS = 20_000;

/** Somebody in front of a real browser, with a profile of their own: cookies, tabs, colour scheme. */
export class Visitor {
  private readonly complaints: string[] = [];
  private readonly awaited: RegExp[] = [];
  private readonly allowed: RegExp[] = [];

  private constructor(
    readonly context: BrowserContext,
    /** The first tab. */
    readonly page: Page,
    private readonly pictures: string,
  ) {}

  /** Opens a profile with one empty tab. @param pictures the folder for pictures of its pages */
  static async enter(
    browser: Browser,
    pictures: string,
    { colourScheme = 'light', viewport = WIDE }: VisitorOptions = {},
  ): Promise<Visitor> {
    const context = await browser.newContext({
      colorScheme: colourScheme,
      viewport,
      reducedMotion: 'reduce', // so that nothing is judged half way through a transition
      locale: 'en-GB',
      extraHTTPHeaders: { 'x-forwarded-for': anAddress() },
    });
    context.setDefaultTimeout(PATIENCE_MS);
    const visitor = new Visitor(context, await context.newPage(), pictures);
    context.on('console', (message) => {
      if (message.type() !== 'error') return;
      visitor.complaints.push(`${message.page()?.url() ?? ''}: ${message.text()} (${message.location().url})`);
    });
    context.on('weberror', (problem) => visitor.complaints.push(String(problem.error().stack)));
    return visitor;
  }

  /**
   * Starts a connect as a page of the hub's own site does: the cookie of the answer stays in this browser.
   *
   * @returns authUrl
   */
  async starts({ publicUrl }: Pick<Stack, 'publicUrl'>, caller: Caller, order: unknown): Promise<string> {
    const answer = await this.context.request.post(`${publicUrl}/functions/v1/integrations-connect`, {
      headers: { authorization: await caller.authorization() },
      data: order,
    });
    if (!answer.ok()) throw new Error(`The connect was not started: ${answer.status()} ${await answer.text()}`);
    return ((await answer.json()) as { authUrl: string }).authUrl;
  }

  /** What a page may complain about in this test, and must: browsers tell on the console of every answer of 400 and more. */
  expects(complaint: RegExp): void {
    this.awaited.push(complaint);
  }

  /** What a page may complain about, where it depends on the moment whether it does. */
  allows(complaint: RegExp): void {
    this.allowed.push(complaint);
  }

  /** Complaints that nobody expected, and expected ones that did not come. */
  unexpected(): string[] {
    const met = new Set(this.awaited.filter((pattern) => this.complaints.some((text) => pattern.test(text))));
    return [
      ...this.complaints.filter((text) => ![...this.awaited, ...this.allowed].some((pattern) => pattern.test(text))),
      ...this.awaited.filter((pattern) => !met.has(pattern)).map((pattern) => `nothing complained of ${pattern}`),
    ];
  }

  /**
   * Holds the page against WCAG 2.2 AA as it looks wide and light, and narrow and dark, with a picture of each, and leaves
   * it as it was.
   *
   * @param name of the pictures
   * @throws Error with what is wrong, and where
   */
  async looksAt(name: string, page = this.page): Promise<void> {
    const before = page.viewportSize() ?? WIDE;
    const faults: string[] = [];
    for (const { look, viewport, colorScheme } of LOOKS) {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme });
      for (const fault of await accessibilityFaults(page)) faults.push(`${look}: ${fault}`);
      const excess = await page.evaluate<number>(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      );
      if (excess > 0) faults.push(`${look}: it scrolls sideways by ${excess} px`);
      await this.pictureOf(`${name} ${look}`, page);
    }
    await page.emulateMedia({ colorScheme: null });
    await page.setViewportSize(before);
    if (faults.length > 0) throw new Error(`${name}, at ${page.url()}:\n${faults.join('\n')}`);
  }

  /** A picture of a whole page, or, under a dialog, of what the window shows. */
  async pictureOf(name: string, page = this.page): Promise<void> {
    const file = `${name.replaceAll(/[^A-Za-z0-9]+/g, '-').slice(0, NAME_LENGTH)}.png`;
    const hasDialog = (await page.locator('dialog[open]').count()) > 0;
    await page.screenshot({ path: path.join(this.pictures, file), fullPage: !hasDialog });
  }

  leave(): Promise<void> {
    return this.context.close();
  }
}
