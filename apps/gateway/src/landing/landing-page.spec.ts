import { PROBLEMS } from '@hub/domain';
import { providerCatalog } from '@hub/providers';
import { anIntegration } from '../../../../test/factories/integration';
import { integrationView } from '../integrations/integration-view';
import { landingPage, type Outcome } from './landing-page';

const LABELS = { notion: 'Notion', shopify: 'Shopify' };
const shown = (outcome: Outcome) => landingPage(outcome, LABELS, undefined).html;

describe('the landing page', () => {
  it('says that a provider is connected', () => {
    expect(shown({ success: 'notion' })).toContain('Notion is connected.');
  });

  it('says why a provider was not connected, and what to do', () => {
    const html = shown({ error: 'access_denied', provider: 'notion' });
    expect(html).toContain('role="alert"');
    expect(html).toContain('Notion was not connected: access was denied at the provider.');
    expect(html).toContain(PROBLEMS.access_denied.fix);
  });

  it('names nothing that a link could make up', () => {
    const evil = '<b>Your account is locked</b>';
    for (const outcome of [{ success: evil }, { error: evil }, { error: 'access_denied', provider: evil }])
      expect(shown(outcome)).not.toMatch(/locked|<b>/);
    expect(shown({ success: 'constructor' })).not.toContain('is connected.</strong>');
    expect(shown({ error: 'constructor', provider: 'constructor' })).toContain('The account was not connected');
  });

  it('asks strangers to sign in, and shows them no integration', () => {
    const html = shown({});
    expect(html).toContain('Sign in to your product');
    expect(html).not.toContain('<ul');
  });

  it('shows each integration with its status, account and trouble', () => {
    const definition = providerCatalog.find(({ id }) => id === 'notion')!;
    const provider = {
      definition,
      configured: true,
      credentials: null,
      requestedScopes: [],
      requiredScopes: [],
      endpointsFor: () => {
        throw new Error('nobody is asked');
      },
      tenantHost: () => null,
    };
    const failing = anIntegration({ status: 'refresh_failing', account: { id: 'w', label: 'Work <space>' } });
    const html = landingPage({}, LABELS, [
      integrationView(provider, failing),
      integrationView({ ...provider, configured: false }, undefined),
    ]).html;
    expect(html).toContain('Connected, refresh is being retried');
    expect(html).toContain('Work &#60;space&#62;');
    expect(html).toContain('provider_unavailable');
    expect(html).toContain('No credentials in this hub');
  });
});
