<?php
/**
 * MailPoet.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events\Forms;

use Relay_Connector\Events\Field_Types;
use Relay_Connector\Events\Form_Entry;
use Relay_Connector\Events\Form_Field;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.DB.DirectDatabaseQuery.DirectQuery, WordPress.DB.DirectDatabaseQuery.NoCaching -- Table of MailPoet, read on the settings page and once for an entry.

/**
 * A subscription form. The hook fires when the subscriber is stored and the e-mail that asks for confirmation was
 * sent; whether the person confirms it is not known yet.
 */
final class Mailpoet extends Added_Form_Plugin {

	/**
	 * What the form's own fields are. All others are custom fields.
	 */
	const KINDS = array(
		'email'      => Field_Types::EMAIL,
		'first_name' => Field_Types::FIRST_NAME,
		'last_name'  => Field_Types::LAST_NAME,
	);

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'mailpoet';
	}

	/**
	 * The plugin's own name.
	 *
	 * @return string
	 */
	public function name() {
		return 'MailPoet';
	}

	/**
	 * Whether it is active.
	 *
	 * @return bool
	 */
	public function is_active() {
		return defined( 'MAILPOET_VERSION' );
	}

	/**
	 * Registers the hook for its entries.
	 */
	public function add_hooks() {
		add_action( 'mailpoet_subscription_after_subscribe', array( $this, 'on_subscribed' ), 20, 4 );
	}

	/**
	 * Someone subscribed (SubscriberSubscribeController::subscribe() in lib/Subscribers/SubscriberSubscribeController.php).
	 *
	 * @param object $subscriber The subscriber.
	 * @param array  $values     By field: email, first_name, last_name, cf_1 and so on.
	 * @param int[]  $lists      The lists.
	 * @param object $form       The form.
	 */
	public function on_subscribed( $subscriber = null, $values = array(), $lists = array(), $form = null ) {
		$this->record_entry(
			function () use ( $values, $form ) {
				if ( ! is_array( $values ) || ! is_object( $form ) ) {
					return null;
				}
				$entry = new Form_Entry( $form->getId(), (string) $form->getName() );
				foreach ( self::fields_of( (array) $form->getBody() ) as $field ) {
					if ( array_key_exists( $field->key, $values ) ) {
						$field->value    = self::value_of( $field, $values[ $field->key ] );
						$entry->fields[] = $field;
					}
				}
				return $entry;
			}
		);
	}

	/**
	 * Its forms.
	 *
	 * @return string[] Titles by id.
	 */
	public function forms() {
		global $wpdb;
		$rows = (array) $wpdb->get_results( $wpdb->prepare( "SELECT id, name FROM {$wpdb->prefix}mailpoet_forms WHERE deleted_at IS NULL ORDER BY id DESC LIMIT %d", self::MOST_FORMS ) );
		return wp_list_pluck( $rows, 'name', 'id' );
	}

	/**
	 * The fields of a form.
	 *
	 * @param int|string $form_id The form's id.
	 * @return Form_Field[]
	 */
	public function fields( $form_id ) {
		global $wpdb;
		$body = maybe_unserialize( $wpdb->get_var( $wpdb->prepare( "SELECT body FROM {$wpdb->prefix}mailpoet_forms WHERE id = %d", $form_id ) ) );
		return is_array( $body ) ? self::fields_of( $body ) : array();
	}

	/**
	 * The fields of a form, which can be in columns.
	 *
	 * @param array[] $blocks Each with type, id, name and perhaps body.
	 * @return Form_Field[]
	 */
	private static function fields_of( array $blocks ) {
		$fields = array();
		foreach ( $blocks as $block ) {
			$id = isset( $block['id'] ) ? (string) $block['id'] : '';
			if ( is_numeric( $id ) || isset( self::KINDS[ $id ] ) ) {
				$label    = isset( $block['params']['label'] ) ? $block['params']['label'] : '';
				$label    = '' === (string) $label && isset( $block['name'] ) ? $block['name'] : $label;
				$field    = new Form_Field( is_numeric( $id ) ? 'cf_' . $id : $id, (string) $label, isset( $block['type'] ) ? (string) $block['type'] : '' );
				$fields[] = $field;
				if ( isset( self::KINDS[ $id ] ) ) {
					$field->kind = self::KINDS[ $id ];
				} elseif ( 'checkbox' === $field->type ) {
					$field->kind = Field_Types::CHOICE;
				}
			}
			if ( isset( $block['body'] ) && is_array( $block['body'] ) ) {
				$fields = array_merge( $fields, self::fields_of( $block['body'] ) );
			}
		}
		return $fields;
	}

	/**
	 * A value. A date has parts.
	 *
	 * @param Form_Field $field The field.
	 * @param mixed      $value The value.
	 * @return mixed
	 */
	private static function value_of( Form_Field $field, $value ) {
		if ( 'date' === $field->type && is_array( $value ) ) {
			$parts = array();
			foreach ( array( 'year', 'month', 'day' ) as $part ) {
				if ( ! empty( $value[ $part ] ) ) {
					$parts[] = sprintf( 'year' === $part ? '%04d' : '%02d', (int) $value[ $part ] );
				}
			}
			return implode( '-', $parts );
		}
		return $value;
	}
}
