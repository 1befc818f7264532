/** Called with news; what it throws, or rejects with, is reported and never reaches who brings the news. */
export type Listener<News> = (news: News) => unknown;
