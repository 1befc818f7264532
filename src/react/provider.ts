import { createContext, createElement, useContext, type ReactElement, type ReactNode } from 'react';
import type { Client } from '../client/index.ts';

const ClientContext = createContext<Client | undefined>(undefined);

export interface ThreadcastProviderProps {
  /**
   * Made by `connect`, outside of components: no effect makes a socket. On a server, or before there is a user: undefined. Then hooks show
   * what is there before the first message.
   */
  readonly client: Client | undefined;
  readonly children?: ReactNode;
}

/**
 * Gives a client to the hooks below it.
 *
 * ```tsx
 * const client = typeof window === 'undefined' ? undefined : connect('wss://example.org/', { token });
 * <ThreadcastProvider client={client}><Room /></ThreadcastProvider>
 * ```
 */
export function ThreadcastProvider({ client, children }: ThreadcastProviderProps): ReactElement {
  return createElement(ClientContext.Provider, { value: client }, children);
}

/** The client of the provider; undefined if it has none. */
export function useClient(): Client | undefined {
  return useContext(ClientContext);
}
