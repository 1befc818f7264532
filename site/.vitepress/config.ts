import { defineConfig } from 'vitepress';
import { sections } from '../pages.ts';
import { slugOf } from '../slug.ts';

export default defineConfig({
  title: 'threadcast',
  description: 'Message delivery for Node backends with conversations: chat, AI agents, live collaboration.',
  srcDir: '.pages',
  outDir: 'dist',
  cacheDir: '.cache',
  cleanUrls: false,
  lastUpdated: false,
  head: [['link', { rel: 'icon', href: '/icon.svg', type: 'image/svg+xml' }]],
  markdown: {
    // as GitHub makes anchors, so that one link serves both
    anchor: { slugify: slugOf },
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    config(md) {
      const fence = md.renderer.rules.fence;
      md.renderer.rules.fence = (tokens, index, options, env, self) => {
        const token = tokens[index];
        if (token?.info.trim() === 'mermaid') return `<Diagram code="${encodeURIComponent(token.content)}" />`;
        return fence === undefined ? '' : fence(tokens, index, options, env, self);
      };
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Quickstart', link: '/quickstart' },
      { text: 'Guides', link: '/sending' },
      { text: 'API', link: '/api/' },
      { text: 'Benchmarks', link: '/benchmarks' },
    ],
    sidebar: sections.map(({ title, pages, parts = [] }) => ({
      text: title,
      collapsed: false,
      items: [...pages.map(({ text, page }) => ({ text, link: `/${page.replace(/index$/, '')}` })), ...parts],
    })),
    docFooter: { prev: 'Before', next: 'Next' },
  },
});
