<?php

use Relay_Connector\Events\Base_Source;
use Relay_Connector\Events\Event_Choices;
use Relay_Connector\Events\Shop_Source;

final class ShopSourcesTest extends RelayTestCase {

	protected function setUp(): void {
		parent::setUp();
		$this->choose( array( 'sources' => array_fill_keys( Event_Choices::SOURCES_OFF, 1 ) + array( 'orders' => 0, 'users' => 0 ) ) );
		$this->new_request();
	}

	/** Ends the request for what sources remember of it: ids of orders are used again in the next test. */
	private function new_request() {
		global $wp_filter;
		$this->end_request();
		foreach ( $wp_filter as $hook ) {
			foreach ( $hook->callbacks as $callbacks ) {
				foreach ( $callbacks as $one ) {
					if ( is_array( $one['function'] ) && $one['function'][0] instanceof Base_Source ) {
						foreach ( array( array( Base_Source::class, 'updated' ), array( Shop_Source::class, 'recent' ) ) as $place ) {
							if ( $one['function'][0] instanceof $place[0] ) {
								$property = new ReflectionProperty( $place[0], $place[1] );
								$property->setAccessible( true );
								$property->setValue( $one['function'][0], array() );
							}
						}
					}
				}
			}
		}
	}

	/** The events that a piece of code causes in a request of its own: type and id of each. */
	private function told( callable $code ) {
		$code();
		$told = array();
		foreach ( $this->send_all() as $event ) {
			$told[] = $event['event'] . ' ' . $event['data']['id'];
		}
		$this->new_request();
		return $told;
	}

	private function product( array $set = array() ) {
		$product = new Standin_WC_Product();
		foreach ( $set + array( 'name' => 'Tea &amp; pots', 'price' => '12.5', 'sku' => 'T-1' ) as $name => $value ) {
			$product->{ "set_$name" }( $value );
		}
		return $product->save();
	}

	public function test_nothing_is_sent_until_an_admin_selects_it() {
		$this->choose( array( 'sources' => array( 'orders' => 0, 'users' => 0 ) ) );
		$id = $this->product( array( 'stock_quantity' => 2 ) );
		standin_wc_sell( $id );
		$order = standin_wc_admin_order();
		wc_get_order( $order )->save();
		standin_wc_trash_order( $order );
		standin_wc_customer( 'kim' );
		standin_wcs_renew( standin_wcs_buy() );
		wp_insert_post( array( 'post_title' => 'x', 'post_status' => 'publish' ) );
		$this->assertSame( array(), $this->rows() );
	}

	public function test_a_product_is_new_once_and_then_updated_once_per_request() {
		$id = 0;
		$this->assertCount( 1, $told = $this->told( function () use ( &$id ) {
			$id = $this->product();
			wc_get_product( $id )->save();
		} ) );
		$this->assertSame( array( "product.created $id" ), $told );
		$this->assertSame( array( "product.updated $id" ), $this->told( function () use ( $id ) {
			wc_get_product( $id )->save();
			wc_get_product( $id )->save();
		} ) );
		$this->assertSame( array( "product.updated $id" ), $this->told( function () use ( $id ) {
			wc_get_product( $id )->save();
		} ), 'a later request' );
	}

	public function test_the_fields_are_those_of_the_product_when_it_is_sent() {
		$id      = $this->product( array( 'stock_quantity' => 3 ) );
		$product = wc_get_product( $id );
		$product->set_price( '9' );
		$product->save();
		$data = $this->sent( 'product.created' );
		$this->assertSame( array( 'Tea & pots', 'T-1', '9.00', 'EUR', 'instock', 3, 'publish' ), array( $data['name'], $data['sku'], $data['price'], $data['currency'], $data['stock_status'], $data['stock_quantity'], $data['status'] ) );
		$this->assertArrayNotHasKey( 'sale_price', $data );
	}

	public function test_drafts_are_never_sent_and_a_draft_is_new_when_it_is_published() {
		$id = 0;
		$this->assertSame( array(), $this->told( function () use ( &$id ) {
			$id = $this->product( array( 'status' => 'draft' ) );
			wc_get_product( $id )->save();
		} ) );
		$this->assertSame( array(), $this->rows(), 'not even recorded' );
		$this->assertSame( array( "product.created $id" ), $this->told( function () use ( $id ) {
			$product = wc_get_product( $id );
			$product->set_status( 'publish' );
			$product->save();
		} ) );
		$this->assertSame( array( "product.updated $id" ), $this->told( function () use ( $id ) {
			wp_update_post( array( 'ID' => $id, 'post_status' => 'draft' ) );
			wp_update_post( array( 'ID' => $id, 'post_status' => 'publish' ) );
		} ), 'published again' );
		wc_get_product( $id )->save();
		wp_trash_post( $id );
		$this->assertSame( array(), $this->send_all(), 'in the trash when it would be sent' );
	}

	public function test_a_variation_is_a_product_with_a_parent() {
		$parent    = $this->product( array( 'status' => 'draft' ) );
		$variation = new Standin_WC_Product_Variation();
		$variation->set_name( 'Tea - S' );
		$variation->set_parent_id( $parent );
		$id = $variation->save();
		$this->assertSame( array(), $this->send_all(), 'its product is a draft' );
		$this->new_request();
		wp_update_post( array( 'ID' => $parent, 'post_status' => 'publish' ) );
		wc_get_product( $id )->save();
		$events = $this->send_all();
		$this->assertSame( array( 'product.created', 'product.updated', $parent ), array( $events[0]['event'], $events[1]['event'], $events[1]['data']['parent_id'] ) );
	}

	public function test_low_stock_and_out_of_stock() {
		$id = $this->product( array( 'stock_quantity' => 3 ) );
		$this->send_all();
		$this->new_request();
		$this->choose( array( 'sources' => array( 'stock' => 1 ) ) );
		standin_wc_sell( $id );
		$data = $this->sent( 'product.low_stock' );
		$this->assertSame( array( 2, 2 ), array( $data['stock_quantity'], $data['low_stock_amount'] ) );
		$this->new_request();
		standin_wc_sell( $id, 2 );
		$data = $this->sent( 'product.out_of_stock' );
		$this->assertSame( array( 0, 'outofstock' ), array( $data['stock_quantity'], $data['stock_status'] ) );
	}

	public function test_an_order_is_updated_deleted_and_restored() {
		$id = 0;
		$this->assertSame( array(), $this->told( function () use ( &$id ) {
			$id = standin_wc_block_checkout();
		} ), 'drafts are no orders, and a new order is no update' );
		$this->assertSame( array( "order.updated $id" ), $this->told( function () use ( $id ) {
			wc_get_order( $id )->save();
			wc_create_refund( array( 'order_id' => $id, 'amount' => '9.9', 'reason' => 'x' ) );
		} ) );
		$this->assertSame( array( "order.deleted $id" ), $this->told( function () use ( $id ) {
			standin_wc_trash_order( $id );
		} ) );
		$this->assertSame( array( "order.restored $id" ), $this->told( function () use ( $id ) {
			standin_wc_untrash_order( $id );
		} ) );
		$this->assertSame( array( "order.deleted $id" ), $this->told( function () use ( $id ) {
			standin_wc_delete_order( $id );
		} ) );
	}

	public function test_a_deleted_order_has_no_personal_data_and_is_not_deleted_twice() {
		$id = standin_wc_classic_checkout();
		$this->send_all();
		$this->new_request();
		standin_wc_trash_order( $id );
		$data = $this->sent( 'order.deleted' );
		$this->assertSame( array( 'SHOP-0', 'on-hold', 'EUR', '129.90', false ), array( $data['number'], $data['status'], $data['currency'], $data['total'], $data['permanent'] ) );
		$this->assertStringNotContainsString( 'jane', strtolower( wp_json_encode( $data ) ) );
		$this->assertSame( array(), $this->told( function () use ( $id ) {
			standin_wc_delete_order( $id );
		} ) );
	}

	public function test_an_order_that_is_added_in_the_admin_is_new_and_not_updated() {
		$this->choose( array( 'sources' => array_fill_keys( array( 'orders', 'order_changes' ), 1 ) ) );
		$this->assertSame( array( 'order.created 1001', 'order.status_changed 1001' ), $this->told( 'standin_wc_admin_order_saved_twice' ) );
	}

	public function test_each_change_of_an_order_has_the_current_status() {
		$id = standin_wc_classic_checkout();
		$this->send_all();
		$this->new_request();
		$told = array();
		foreach ( array( 'wc_get_order', 'standin_wc_trash_order', 'standin_wc_untrash_order' ) as $change ) {
			$order = $change( $id );
			if ( is_object( $order ) ) {
				$order->save();
			}
			foreach ( $this->send_all() as $event ) {
				$told[] = $event['event'] . ' ' . ( isset( $event['data']['current_status'] ) ? $event['data']['current_status'] : '-' );
			}
			$this->new_request();
		}
		$this->assertSame( array( 'order.updated on-hold', 'order.deleted on-hold', 'order.restored on-hold' ), $told );
	}

	public function test_the_list_of_events_says_what_happened_to_an_order_and_names_its_statuses() {
		$this->choose( array( 'sources' => array_fill_keys( array( 'orders', 'order_changes', 'subscriptions' ), 1 ) ) );
		$id = standin_wc_classic_checkout();
		standin_wcs_buy();
		$this->new_request();
		wc_get_order( $id )->update_status( 'prepared' );
		standin_wc_trash_order( $id );
		standin_wc_untrash_order( $id );
		$labels = array();
		foreach ( $this->rows() as $row ) {
			$labels[ $row->event_type . ' ' . $row->detail ] = $this->runner()->describe( $row )['label'];
		}
		$number = wc_get_order( $id )->get_order_number();
		$this->assertSame( "Order $number: Pending payment → On hold", $labels['order.status_changed pending:on-hold'] );
		$this->assertSame( "Order $number: On hold → prepared", $labels['order.status_changed on-hold:prepared'] );
		$this->assertStringEndsWith( ': Pending → Active', $labels['subscription.status_changed pending:active'] );
		$this->assertSame( array( "Order $number updated", "Order $number deleted", "Order $number restored" ), array( $labels['order.updated '], $labels['order.deleted '], $labels['order.restored '] ) );
		standin_wc_delete_order( $id );
		$this->assertSame( "Order $id deleted", $this->runner()->describe( (object) array( 'event_type' => 'order.deleted', 'object_id' => $id ) )['label'], 'its number is no longer known' );
	}

	public function test_an_updated_order_has_the_fields_that_were_chosen_for_orders() {
		$id = standin_wc_classic_checkout();
		$this->send_all();
		$this->new_request();
		$this->choose( array( 'sources' => array( 'order_changes' => 1, 'orders' => 0 ), 'fields' => array( 'orders.email' => 0 ) ) );
		wc_get_order( $id )->save();
		$data = $this->sent( 'order.updated' );
		$this->assertCount( 2, $data['items'] );
		$this->assertArrayNotHasKey( 'email', $data['customer'] );
		$this->assertSame( 'Jane', $data['customer']['first_name'] );
	}

	public function test_customers_with_only_the_personal_data_that_was_chosen() {
		$id = standin_wc_customer( 'kim' );
		$data = $this->sent( 'customer.created' );
		$this->assertSame( array( $id, 'kim@example.org', false ), array( $data['id'], $data['email'], $data['is_paying'] ) );
		$this->new_request();
		$change = static function () use ( $id ) {
			$customer = new WC_Customer( $id );
			$customer->set_first_name( 'Kim' );
			$customer->set_last_name( "O'Neill &amp; Söhne" ); // as the block checkout stores it
			$customer->set_billing_phone( '+49 221 1' );
			$customer->set_billing_city( 'Köln' );
			$customer->save();
		};
		$change();
		$data = $this->sent( 'customer.updated' );
		$this->assertSame( array( "Kim O'Neill & Söhne", false, false ), array( $data['name'], isset( $data['phone'] ), isset( $data['billing'] ) ) );
		$this->new_request();
		$this->choose( array( 'sources' => array( 'customers' => 1, 'users' => 0 ), 'fields' => array( 'customers.phone' => 1, 'customers.addresses' => 1, 'customers.email' => 0, 'customers.name' => 0 ) ) );
		$change();
		$data = $this->sent( 'customer.updated' );
		$this->assertSame( array( '+49 221 1', array( 'city' => 'Köln' ) ), array( $data['phone'], $data['billing'] ) );
		$this->assertSame( array( false, false ), array( isset( $data['name'] ), isset( $data['email'] ) ) );
	}

	public function test_other_users_are_no_customers() {
		wp_update_user( array( 'ID' => 1, 'display_name' => 'Boss' ) );
		$reader = wp_insert_user( array( 'user_login' => 'walk-in', 'user_pass' => 'x', 'user_email' => 'walk-in@example.org' ) );
		$this->assertSame( array(), $this->rows() );
		update_user_meta( $reader, 'paying_customer', 1 );
		wp_update_user( array( 'ID' => $reader, 'display_name' => 'R' ) );
		$this->sent( 'customer.updated' );
	}

	public function test_coupons() {
		$id = 0;
		$this->assertSame( array(), $this->told( static function () use ( &$id ) {
			$coupon = new WC_Coupon();
			$coupon->set_name( 'spring' );
			$coupon->set_amount( '10' );
			$coupon->set_email_restrictions( array( 'vip@example.org' ) );
			$coupon->set_status( 'draft' );
			$id = $coupon->save();
		} ) );
		$this->assertSame( array( "coupon.created $id" ), $this->told( static function () use ( $id ) {
			$coupon = new WC_Coupon( $id );
			$coupon->set_status( 'publish' );
			$coupon->save();
		} ) );
		( new WC_Coupon( $id ) )->save();
		$data = $this->sent( 'coupon.updated' );
		$this->assertSame( array( 'spring', '10.00' ), array( $data['code'], $data['amount'] ) );
		$this->assertStringNotContainsString( 'vip', wp_json_encode( $data ) );
		$this->new_request();
		wp_trash_post( $id );
		$data = $this->sent( 'coupon.deleted' );
		$this->assertSame( array( 'spring', 'publish', false ), array( $data['code'], $data['status'], $data['permanent'] ) );
		$this->assertSame( array(), $this->told( static function () use ( $id ) {
			wp_delete_post( $id, true );
		} ), 'it was already deleted' );
	}

	public function test_a_subscription_starts_changes_and_renews() {
		$id = 0;
		$this->assertSame( array( 'subscription.created 1001', 'subscription.status_changed 1001' ), $this->told( static function () use ( &$id ) {
			$id = standin_wcs_buy();
		} ) );
		$paid = standin_wcs_renew( $id );
		$events = $this->send_all();
		$this->assertSame( array( 'subscription.status_changed', 'subscription.status_changed', 'subscription.renewed' ), wp_list_pluck( $events, 'event' ) );
		$data = $events[2]['data'];
		$this->assertSame( array( 'SHOP-1001', 'active', 'month', 1, '2026-04-01T08:00:00Z', $paid, "R-$paid", 'jane@example.org' ), array( $data['number'], $data['status'], $data['billing_period'], $data['billing_interval'], $data['next_payment_at'], $data['order_id'], $data['order_number'], $data['customer']['email'] ) );
		$this->new_request();
		$failed = standin_wcs_renew( $id, false );
		$events = $this->send_all();
		$this->assertSame( array( 'subscription.status_changed', 'subscription.renewal_failed' ), wp_list_pluck( $events, 'event' ) );
		$this->assertSame( array( 'active', 'on-hold', $failed ), array( $events[0]['data']['previous_status'], $events[0]['data']['status'], $events[1]['data']['order_id'] ) );
	}

	public function test_each_change_of_a_subscription_is_sent_also_one_that_happened_before() {
		$id = standin_wcs_buy();
		$this->send_all();
		foreach ( array( 'on-hold', 'active', 'on-hold', 'active' ) as $status ) {
			wcs_get_subscription( $id )->update_status( $status );
		}
		$told = array();
		foreach ( $this->send_all() as $event ) {
			$told[] = $event['data']['previous_status'] . ' ' . $event['data']['status'] . ' ' . $event['data']['current_status'];
		}
		$this->assertSame( array( 'active on-hold active', 'on-hold active active', 'active on-hold active', 'on-hold active active' ), $told );
	}

	public function test_a_change_with_the_start_of_a_subscription_says_so() {
		standin_wcs_buy();
		$events = $this->send_all();
		$this->assertSame( array( false, true ), array( isset( $events[0]['data']['initial'] ), $events[1]['data']['initial'] ) );
	}

	public function test_posts_are_sent_once_when_they_are_published_and_then_as_updates() {
		$id = wp_insert_post( array( 'post_title' => 'Q&amp;A', 'post_status' => 'draft', 'post_content' => 'secret', 'post_excerpt' => '<b>Short</b> text' ) );
		wp_insert_post( array( 'post_title' => 'Page', 'post_type' => 'page', 'post_status' => 'publish' ) );
		$this->assertSame( array(), $this->rows() );
		wp_publish_post( $id );
		$data = $this->sent( 'post.published' );
		$this->assertSame( array( 'Q&A', 'publish', 'Short text' ), array( $data['title'], $data['status'], $data['excerpt'] ) );
		$this->assertStringStartsWith( gmdate( 'Y-m-d' ), $data['created_at'], 'a draft has no time in UTC' );
		$this->assertStringNotContainsString( 'secret', wp_json_encode( $data ) );
		$this->assertSame( array( "post.updated $id" ), $this->told( static function () use ( $id ) {
			wp_update_post( array( 'ID' => $id, 'post_title' => 'New' ) );
			wp_update_post( array( 'ID' => $id, 'post_title' => 'Newer' ) );
		} ) );
		wp_update_post( array( 'ID' => $id, 'post_password' => 'x' ) );
		$data = $this->sent( 'post.updated' );
		$this->assertArrayNotHasKey( 'excerpt', $data, 'the post needs a password' );
		wp_trash_post( $id );
		$this->assertSame( array(), $this->send_all() );
	}
}
