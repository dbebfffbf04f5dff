//! The three gRPC services.

use super::Receiver;
use super::relay::Export;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::LogsService;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::MetricsService;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::TraceService;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl MetricsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let Some(request) = self.relay.take(request.into_inner(), Export::Metrics) else {
            return Ok(Response::new(ExportMetricsServiceResponse::default()));
        };
        let now = self.clock.now();
        let mut held = self.held();
        held.windows.record_otlp(&request, now);
        held.traffic.metrics(&request, now);
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let Some(request) = self.relay.take(request.into_inner(), Export::Traces) else {
            return Ok(Response::new(ExportTraceServiceResponse::default()));
        };
        let now = self.clock.now();
        let mut held = self.held();
        held.traffic.traces(&request, now);
        held.map.record(&request, now);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let Some(request) = self.relay.take(request.into_inner(), Export::Logs) else {
            return Ok(Response::new(ExportLogsServiceResponse::default()));
        };
        let now = self.clock.now();
        self.held().traffic.logs(&request, now);
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}
