import { create, createRegistry, type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter } from "@connectrpc/connect";
import * as v1 from "#gen/grpc/reflection/v1/reflection_pb.ts";
import * as v1alpha from "#gen/grpc/reflection/v1alpha/reflection_pb.ts";

/**
 * gRPC server reflection, v1 and v1alpha, for `services`: `buf curl` and `grpcurl` need no schema.
 * Own, because no package for connect-es is kept.
 */
export function serveReflection(router: ConnectRouter, services: DescService[]): void {
  const registry = createRegistry(...services.map((service) => service.file));

  /** The file of a symbol: of a message, enum, service, or of a method through its service. */
  const fileOf = (symbol: string): DescFile | undefined =>
    (registry.get(symbol) ?? registry.get(symbol.slice(0, symbol.lastIndexOf("."))))?.file;
  const files = new Map<string, DescFile>();
  const collect = (file: DescFile) => {
    if (files.has(`${file.name}.proto`)) return;
    files.set(`${file.name}.proto`, file);
    file.dependencies.forEach(collect);
  };
  for (const service of services) collect(service.file);

  type Response = Omit<v1.ServerReflectionResponse, "$typeName" | "validHost" | "originalRequest">["messageResponse"];

  function answer(request: v1.ServerReflectionRequest["messageRequest"]): Response {
    switch (request.case) {
      case "listServices":
        return {
          case: "listServicesResponse",
          value: create(v1.ListServiceResponseSchema, {
            service: services.map(({ typeName }) => ({ name: typeName })),
          }),
        };
      case "fileByFilename":
        return withImports(files.get(request.value), request.value);
      case "fileContainingSymbol":
        return withImports(fileOf(request.value), request.value);
      default:
        return failure(Code.Unimplemented, "extensions are not reflected");
    }
  }

  for (const version of [v1, v1alpha])
    router.service(version.ServerReflection as typeof v1.ServerReflection, {
      async *serverReflectionInfo(requests) {
        for await (const request of requests)
          yield create(version.ServerReflectionResponseSchema as typeof v1.ServerReflectionResponseSchema, {
            validHost: request.host,
            originalRequest: request,
            messageResponse: answer(request.messageRequest),
          });
      },
    });
}

function withImports(file: DescFile | undefined, name: string) {
  if (!file) return failure(Code.NotFound, `${name} is not known`);
  const all = new Set<DescFile>();
  const add = (one: DescFile) => {
    if (all.has(one)) return;
    all.add(one);
    one.dependencies.forEach(add);
  };
  add(file);
  const fileDescriptorProto = [...all].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return {
    case: "fileDescriptorResponse" as const,
    value: create(v1.FileDescriptorResponseSchema, { fileDescriptorProto }),
  };
}

function failure(errorCode: Code, errorMessage: string) {
  return { case: "errorResponse" as const, value: create(v1.ErrorResponseSchema, { errorCode, errorMessage }) };
}
