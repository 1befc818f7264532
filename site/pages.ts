/** A page of the site: the title in the menu, and the file in `docs` (or where `build.ts` puts it) without `.md`. */
export interface Page {
  readonly text: string;
  readonly page: string;
}

export interface Section {
  readonly title: string;
  readonly pages: readonly Page[];
  /** Parts of pages of other sections that readers look for here. */
  readonly parts?: readonly { readonly text: string; readonly link: string }[];
}

const page = (text: string, file: string): Page => ({ text, page: file });

/** The order of the menu, of `llms.txt` and of `llms-full.txt`. The build fails if a page of `docs` is in none of these. */
export const sections: readonly Section[] = [
  {
    title: 'Start',
    pages: [
      page('Quickstart', 'quickstart'),
      page('Concepts', 'concepts'),
      page('Comparison', 'comparison'),
      page('FAQ', 'faq'),
    ],
  },
  {
    title: 'Guides',
    pages: [
      page('Sending', 'sending'),
      page('AI chat', 'ai'),
      page('A chat: history, presence, typing', 'chat'),
      page('React', 'react'),
      page('Typed threads', 'typed-threads'),
      page('Values', 'values'),
      page('Sign-in and sessions', 'auth'),
      page('Big payloads', 'serializer'),
      page('Slow clients', 'slow-clients'),
      page('Without WebSockets', 'http'),
      page('Testing', 'testing'),
    ],
  },
  {
    title: 'Deployment',
    pages: [
      page('Proxies, systemd, Kubernetes', 'deployment'),
      page('Serving', 'serving'),
      page('Frameworks', 'frameworks'),
      page('Scaling: choose a log, Redis', 'scaling'),
      page('Many machines: PostgreSQL', 'postgres'),
      page('All cores, edge nodes: the relay', 'relay'),
      page('A log of your own', 'logs'),
      page('The native sender', 'native'),
      page('The pool: from a server', 'pool'),
    ],
  },
  {
    title: 'Operating',
    pages: [page('Traces, metrics, alerts', 'observability'), page('Inspector', 'inspector')],
    parts: [{ text: 'Runbook: when the alert rings', link: '/observability#when-the-alert-rings' }],
  },
  { title: 'Migration', pages: [page('From ws, Socket.IO, SSE, hosted', 'migration')] },
  {
    title: 'Reference',
    pages: [
      page('API', 'api/index'),
      page('Protocol', 'PROTOCOL'),
      page('Errors', 'errors'),
      page('Machines', 'machines'),
      page('Architecture', 'architecture'),
      page('Changes', 'changelog'),
    ],
    parts: [
      { text: 'Options of a hub', link: '/api/threadcast#huboptions' },
      { text: 'Metrics', link: '/observability#metrics' },
    ],
  },
  {
    title: 'Trust',
    pages: [page('Reliability', 'reliability'), page('Security', 'security'), page('Benchmarks', 'benchmarks')],
  },
];
