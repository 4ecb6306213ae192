import { FlowRepository, type FlowWithSecrets } from '@hub/database';
import type { FlowId, OrgId, Sealed } from '@hub/domain';
import type { RegisteredProvider } from '@hub/providers';
import { OpenFailed, PlainToken, TokenVault, type Cell } from '@hub/token-vault';
import { Injectable } from '@nestjs/common';
import { flowEvent } from './flow-event';

/** The columns in which a flow keeps something sealed. */
type SealedColumn = 'verifier' | 'parked_code';

/** What a flow keeps sealed: its PKCE verifier, and a code that waits. */
@Injectable()
export class FlowSecretsService {
  constructor(
    private readonly vault: TokenVault,
    private readonly flows: FlowRepository,
  ) {}

  /** Seals a text for its cell. @throws KeyUnavailable if the org's key is not at hand and the key provider is away */
  seal(
    flow: { id: FlowId; orgId: OrgId },
    provider: RegisteredProvider,
    column: SealedColumn,
    text: string,
  ): Promise<Sealed> {
    return this.vault.seal(cellOf(flow, provider, column), new PlainToken(text));
  }

  /**
   * Opens what was sealed for the cell.
   *
   * @throws OpenFailed if it does not open; the flow is ended then, since it never will
   * @throws KeyUnavailable if its key is not at hand and the key provider is away; the flow stays as it is
   */
  async open(
    flow: FlowWithSecrets,
    provider: RegisteredProvider,
    column: SealedColumn,
    sealed: string,
  ): Promise<PlainToken> {
    try {
      return await this.vault.open(cellOf(flow, provider, column), sealed);
    } catch (error) {
      // no provider spoke: the hub's own failure, as where a token does not open
      if (error instanceof OpenFailed)
        await this.flows.refuse(
          flow,
          flowEvent(flow, 'grant.rejected', { code: 'internal', reason: `${column}_${error.reason}` }),
        );
      throw error;
    }
  }
}

function cellOf(flow: { id: FlowId; orgId: OrgId }, { definition }: RegisteredProvider, column: SealedColumn): Cell {
  return { table: 'flows', column, orgId: flow.orgId, provider: definition.id, rowId: flow.id };
}
