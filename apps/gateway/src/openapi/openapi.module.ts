import { Module } from '@nestjs/common';
import { OpenApiController } from './openapi.controller';

/** The OpenAPI document and its page. */
@Module({ controllers: [OpenApiController] })
export class OpenApiModule {}
