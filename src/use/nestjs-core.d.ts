/** What is used of the package at run time: two tokens. The published types do not name it, because not every application has it. */
declare module '@nestjs/core' {
  export const HttpAdapterHost: abstract new () => object;
  export const ModuleRef: abstract new () => object;
}
