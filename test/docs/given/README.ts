export declare function show(data: unknown): void;
