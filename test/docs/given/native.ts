import type { Hub } from 'threadcast';

export declare const hub: Hub;
