from app.core.telemetry import Telemetry


def text(telemetry: Telemetry) -> str:
    return telemetry.render()[0].decode()


def test_requests_are_counted_by_template_and_class_of_status() -> None:
    telemetry = Telemetry()
    for status in (200, 201, 404):
        telemetry.observe("GET", "/v1/items/{item_id}", status, 0.003)
    shown = text(telemetry)
    route = 'method="GET",route="/v1/items/{item_id}"'
    assert f'rectify_http_requests_total{{{route},status="2xx"}} 2.0' in shown
    assert f'rectify_http_requests_total{{{route},status="4xx"}} 1.0' in shown
    assert f"rectify_http_request_seconds_count{{{route}}} 3.0" in shown


def test_a_scanner_cannot_invent_labels() -> None:
    telemetry = Telemetry()
    for n in range(50):
        telemetry.observe(f"EVIL{n}", None, 404, 0.001)
    assert text(telemetry).count("rectify_http_requests_total{") == 1


def test_a_gauge_is_read_when_it_is_scraped() -> None:
    telemetry = Telemetry()
    waiting = [1.0]
    telemetry.watch("log_pending", "events without a position", lambda: waiting[0])
    waiting[0] = 7.0
    assert "rectify_log_pending 7.0" in text(telemetry)
