"""A session of kafka-bridge-client, as it is published: writes records, reads and commits them, and leaves. Prints what it read."""
import asyncio
import base64
import json
import sys

from kafka_bridge_client import KafkaBridgeConsumer, KafkaBridgeProducer, Message

url, topic = sys.argv[1:]


async def main():
    producer = KafkaBridgeProducer(url, timeout=10)
    producer.sends(topic, [Message(key="k", value="one"), Message(key="k", value="two")])
    producer.sends(topic, [Message(key="k", value=b"\xff\x00")], binary=True)
    consumer = KafkaBridgeConsumer(
        topic,
        bootstrap_server=url,
        group_id="bridge-clients",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        consumer_name="one",
    )
    records = []
    async with consumer:
        for _ in range(10):
            records += await consumer.poll_records(max_bytes=100_000, timeout=1_000)
            if len(records) >= 3:
                break
        await consumer.commit()
    print(json.dumps([[record["offset"], base64.b64decode(record["value"]).hex()] for record in records]))


asyncio.run(main())
