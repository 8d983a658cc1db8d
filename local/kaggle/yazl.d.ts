/** The part of yazl that is used here; the package ships no types. */
declare module "yazl" {
  export class ZipFile {
    readonly outputStream: NodeJS.ReadableStream;
    addBuffer(buffer: Buffer, path: string, options: { mtime: Date; mode: number; compress: boolean }): void;
    end(): void;
  }
}
