import type { Hub } from 'threadcast';

export declare const hub: Hub;
export declare const message: string;
export declare function sendLater(message: string): void;
