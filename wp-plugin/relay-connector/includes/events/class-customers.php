<?php
/**
 * WooCommerce customers.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Sends customers with an account. Guests have none; they are part of their order. Listens to the hooks of WooCommerce's
 * own webhooks, some of which fire for every user.
 */
final class Customers extends Shop_Source {

	const CREATED = 'customer.created';
	const UPDATED = 'customer.updated';
	const OBJECT  = 'customer';
	const ROLE    = 'customer';
	const ADDRESS = array( 'first_name', 'last_name', 'company', 'address_1', 'address_2', 'city', 'state', 'postcode', 'country' );

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'customers';
	}

	/**
	 * The name on the settings page.
	 *
	 * @return string
	 */
	public function label() {
		return __( 'Customers (WooCommerce)', 'relay-connector' );
	}

	/**
	 * The help text: what is sent and when.
	 *
	 * @return string
	 */
	public function help() {
		return __( 'A customer is sent once when the account is created and again each time the account changes, also when an order changes the address. Guests have no account and are not sent. Passwords are never sent.', 'relay-connector' );
	}

	/**
	 * The fields that can be switched off.
	 *
	 * @return string[]
	 */
	public function optional_fields() {
		return array(
			'email'     => __( 'E-mail address', 'relay-connector' ),
			'name'      => __( 'Name', 'relay-connector' ),
			'phone'     => __( 'Phone number', 'relay-connector' ),
			'addresses' => __( 'Billing and shipping address', 'relay-connector' ),
		);
	}

	/**
	 * Listens to new and changed accounts. The role of a new user may be set after user_register.
	 */
	public function add_hooks() {
		add_action( 'user_register', array( $this, 'on_created' ), 1000, 1 );
		add_action( 'woocommerce_created_customer', array( $this, 'on_created' ), 20, 1 );
		add_action( 'woocommerce_new_customer', array( $this, 'on_created' ), 20, 1 );
		add_action( 'profile_update', array( $this, 'on_updated' ), 20, 1 );
		add_action( 'woocommerce_update_customer', array( $this, 'on_updated' ), 20, 1 );
	}

	/**
	 * Whether events of a type come from this source.
	 *
	 * @param string $type The event type.
	 * @return bool
	 */
	public function handles( $type ) {
		return in_array( $type, array( self::CREATED, self::UPDATED ), true );
	}

	/**
	 * A user was created.
	 *
	 * @param int $id The user.
	 */
	public function on_created( $id = 0 ) {
		$this->run_safely(
			function () use ( $id ) {
				if ( $this->is_available() && $this->is_sendable( self::number( $id ) ) ) {
					$this->queue_created( self::CREATED, self::UPDATED, self::OBJECT, self::number( $id ) );
				}
			}
		);
	}

	/**
	 * A user or a customer was changed.
	 *
	 * @param int $id The user.
	 */
	public function on_updated( $id = 0 ) {
		$this->run_safely(
			function () use ( $id ) {
				if ( $this->is_available() && $this->is_sendable( self::number( $id ) ) ) {
					$this->queue_updated( self::UPDATED, self::OBJECT, self::number( $id ) );
				}
			}
		);
	}

	/**
	 * The fields of the event, from the customer as stored now.
	 *
	 * @param object $row The row.
	 * @return array
	 */
	public function data( $row ) {
		$customer = new \WC_Customer( (int) $row->object_id );
		$fields   = array(
			'id'         => (int) $customer->get_id(),
			'is_paying'  => (bool) $customer->get_is_paying_customer(),
			'edit_url'   => admin_url( 'user-edit.php?user_id=' . (int) $customer->get_id() ),
			'created_at' => self::timestamp( $customer->get_date_created() ),
			'updated_at' => self::timestamp( $customer->get_date_modified() ),
		);
		if ( $this->sends( 'email' ) ) {
			$fields['email'] = Plain_Text::from_title( $customer->get_email() );
		}
		if ( $this->sends( 'name' ) ) {
			$fields['first_name'] = Plain_Text::from_title( $this->either( $customer, 'first_name' ) );
			$fields['last_name']  = Plain_Text::from_title( $this->either( $customer, 'last_name' ) );
			$fields['name']       = trim( $fields['first_name'] . ' ' . $fields['last_name'] );
			$fields['company']    = Plain_Text::from_title( $customer->get_billing_company() );
		}
		if ( $this->sends( 'phone' ) ) {
			$fields['phone'] = Plain_Text::from_title( $customer->get_billing_phone() );
		}
		if ( $this->sends( 'addresses' ) ) {
			$fields['billing']  = $this->address( $customer, 'billing' );
			$fields['shipping'] = $this->address( $customer, 'shipping' );
		}
		return self::without_empty( $fields );
	}

	/**
	 * The person's e-mail address.
	 *
	 * @param object $row The row.
	 * @return string
	 */
	public function email( $row ) {
		$user = get_userdata( (int) $row->object_id );
		return $user ? Plain_Text::from_title( $user->user_email ) : '';
	}

	/**
	 * The display name of a customer, without personal data.
	 *
	 * @param object $row The row.
	 * @return array With label and url.
	 */
	public function describe( $row ) {
		$user = get_userdata( (int) $row->object_id );
		return array(
			'label' => $user
				/* translators: %d: number of a customer. */
				? sprintf( __( 'Customer %d', 'relay-connector' ), $row->object_id )
				/* translators: %d: number of a customer. */
				: sprintf( __( 'Customer %d (deleted)', 'relay-connector' ), $row->object_id ),
			'url'   => $user ? admin_url( 'user-edit.php?user_id=' . (int) $row->object_id ) : '',
		);
	}

	/**
	 * Whether a user is a customer: by the role, or because an order was paid, whatever the role is now.
	 *
	 * @param int $id The user.
	 * @return bool
	 */
	protected function is_sendable( $id ) {
		$user = $id > 0 ? get_userdata( $id ) : false;
		return $user && ( in_array( self::ROLE, (array) $user->roles, true ) || get_user_meta( $id, 'paying_customer', true ) );
	}

	/**
	 * A part of the name; without one, that of the billing address.
	 *
	 * @param \WC_Customer $customer The customer.
	 * @param string       $part     Either first_name or last_name.
	 * @return string
	 */
	private function either( $customer, $part ) {
		$own = (string) $customer->{ 'get_' . $part }();
		return '' === $own ? (string) $customer->{ 'get_billing_' . $part }() : $own;
	}

	/**
	 * An address; empty parts are left out. The block checkout stores texts encoded, as in orders; see Order_Fields::line().
	 *
	 * @param \WC_Customer $customer The customer.
	 * @param string       $which    Either billing or shipping.
	 * @return string[]
	 */
	private function address( $customer, $which ) {
		$address = array();
		foreach ( self::ADDRESS as $part ) {
			if ( 'company' === $part || $this->sends( 'name' ) || ! in_array( $part, array( 'first_name', 'last_name' ), true ) ) {
				$address[ $part ] = Plain_Text::from_title( $customer->{ 'get_' . $which . '_' . $part }() );
			}
		}
		return array_filter( $address, 'strlen' );
	}

	/**
	 * Whether a field is sent.
	 *
	 * @param string $field Its short name.
	 * @return bool
	 */
	private function sends( $field ) {
		return $this->choices->sends_field( $this->slug(), $field );
	}
}
