/** The comments of each proto file: a google.protobuf.SourceCodeInfo in base64. */
export declare const comments: Readonly<Record<string, string>>
